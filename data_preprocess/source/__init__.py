"""Reading records, fields and images. Nothing here knows a particular data set.

records.py         Record and Loaded, the result of a loader
errors.py          DataError, BadRow, DamagedFile, NotThere
text.py            text of fields, yes/no, keys of joins
fillers.py         texts that stand for a missing value
fields.py          fields of a record, with file and row in every error
text_files.py      encodings, JSON, JSON lines, YAML
delimited.py       CSV and `|`-separated lists
mapping.py         the mapping file of a user's own data
choices.py         the choices of a multiple choice
pictures.py        image cells in every form that tables use
image_refs.py      images in files and zip archives
parquet_images.py  the image column of a parquet file
parquet_shards.py  a data set as parquet shards: rows of all files of a split
class_labels.py    names of Hugging Face's ClassLabel numbers
safe_pickle.py     pickles of plain data, without running code
hub.py             downloads at one known commit
hints.py           the kind of a foreign file or folder, with the remedy
"""
