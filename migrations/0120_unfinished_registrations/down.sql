DROP TABLE unfinished_registrations;
