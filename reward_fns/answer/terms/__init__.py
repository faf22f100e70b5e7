"""Names of one thing: which terms mean the same, and of what kind they are.

table.py             the tables, read at first use
radiology.txt        anatomy, findings, modalities, planes, stains, cells, written for this project
chinese.txt          the same in Chinese
mesh_diseases.txt.xz names of diseases from MeSH; README.md has its source and licence
mesh_not_synonyms.txt  entry terms that are not another name of their heading
build_mesh.py        writes it
"""
