DROP TABLE released_usernames;
