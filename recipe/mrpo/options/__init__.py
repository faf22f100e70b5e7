"""The options tree `mrpo.*`: defaults of config/options.yaml, a user's values over them, checked.

tree.py           defaults and a user's values; the entry: `load_options`
renamed.py        old names and values, kept for one release
command_line.py   `mrpo.x=y` words of the tools' command lines
page.py           docs/options.md, made from options.yaml
names.py          unknown names
schema/           type, range and choices of every option
"""
