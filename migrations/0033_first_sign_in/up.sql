ALTER TABLE users ADD COLUMN first_signed_in_at timestamptz;

COMMENT ON COLUMN users.first_signed_in_at IS 'When the account was first signed in to. Sessions are forgotten, and no session left is not the same as none ever.';

-- Sessions are kept for 120 days and the trail for 400. An account that neither knows counts as never signed in to.
UPDATE users
   SET first_signed_in_at = known.at
  FROM (
        SELECT user_id, min(at) AS at
          FROM (
                SELECT user_id, created_at AS at FROM sessions WHERE idle_expires_at IS NOT NULL
                UNION ALL
                SELECT user_id, occurred_at FROM audit_events WHERE event = 'session_created' AND success
               ) AS seen
         GROUP BY user_id
       ) AS known
 WHERE users.id = known.user_id;
