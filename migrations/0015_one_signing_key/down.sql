CREATE UNIQUE INDEX signing_keys_one_next_key ON signing_keys (algorithm) WHERE state = 'next';
CREATE UNIQUE INDEX signing_keys_one_current_key ON signing_keys (algorithm) WHERE state = 'current';
DROP INDEX signing_keys_one_in_each_place;
