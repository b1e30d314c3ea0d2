-- Rows of chunks are half a megabyte each: a merge that reads few at a time needs little memory.
ALTER TABLE chunks MODIFY SETTING merge_max_block_size_bytes = 4194304;
