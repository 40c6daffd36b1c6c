-- A message with files has a row for each of its parts: file tells which file of
-- the message a part is, empty for its text.
ALTER TABLE link ADD COLUMN file TEXT NOT NULL DEFAULT '';
