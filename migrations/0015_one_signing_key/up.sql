-- Where SIGNING_ALG was changed, several algorithms have a current and a next key. The one that began to sign last goes on,
-- and keeps its next one; keys that waited have signed nothing.
UPDATE signing_keys SET state = 'retired', retired_at = now()
WHERE state = 'current' AND kid <> (
    SELECT kid FROM signing_keys WHERE state = 'current'
    ORDER BY coalesce(activated_at, created_at) DESC, kid DESC LIMIT 1);
DELETE FROM signing_keys
WHERE state = 'next' AND algorithm <> (SELECT algorithm FROM signing_keys WHERE state = 'current');

CREATE UNIQUE INDEX signing_keys_one_in_each_place ON signing_keys (state) WHERE state IN ('next', 'current');
DROP INDEX signing_keys_one_current_key;
DROP INDEX signing_keys_one_next_key;
