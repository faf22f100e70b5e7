"""Medical VQA datasets as verl's parquet: one module a dataset, one row schema for all."""
