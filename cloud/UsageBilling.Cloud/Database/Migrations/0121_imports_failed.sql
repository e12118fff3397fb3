-- failed: passed its checks, and could not be delivered all the same; the report says why. The file is kept, and what was delivered before stays.
ALTER TABLE import_file DROP CONSTRAINT import_file_state_check;
ALTER TABLE import_file ADD CONSTRAINT import_file_state_check CHECK (state IN ('rejected', 'delivering', 'done', 'failed'));
