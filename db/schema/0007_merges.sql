-- Rows of chunks are half a megabyte each, and a merge holds most of every part that it reads: by
-- threes it takes a third of the memory, and rows are written anew once more on their way.
ALTER TABLE chunks MODIFY SETTING max_parts_to_merge_at_once = 3;
