-- A work order may be known by a record id apart from its number: links are made by it.
ALTER TABLE ticket ADD COLUMN work_order_record TEXT;
