"""Medical VQA data sets as verl's parquet: one module for each data set, one row schema for all.

__main__.py   the list of data sets and tools; door of `python -m data_preprocess` and `mrpo data`
datasets.py   facts about a data set, where its source lies, how it is found by its name
<name>.py     the ten data sets, and own.py for a user's files: INFO and load(source)
source/       reading: records, fields, containers, images where they lie, downloads
convert/      records to rows and files: choosing, images, prompts, schema, parquet, cards
reasoning/    gold reasoning: files of it, MedThink's, rules, annotation by a model
tools/        commands on finished files: all, report, sample, annotate
command/      the command line of a data set, exit status, checks of the files to write
"""
