-- Which rows are kept: those before this moment. NULL: all.

ALTER TABLE decisions ADD COLUMN effective_from INTEGER;
