-- The enrolment of a waiting passkey that too few officers have signed yet, and its person's display name.

ALTER TABLE passkey_waiting ADD COLUMN statement TEXT;
ALTER TABLE passkey_waiting ADD COLUMN display_name TEXT;
