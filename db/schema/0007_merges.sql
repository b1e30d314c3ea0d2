-- Parts are merged by the dozen, not as soon as a few are there: each word is written anew once or
-- twice on its way to a large part, not four times.
ALTER TABLE chunks MODIFY SETTING min_parts_to_merge_at_once = 16;
