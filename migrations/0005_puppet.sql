-- Accounts on a network that stand for Matrix people, one for each person whatever
-- the school. secret is sealed by the bridge; name and avatar_key are as last set.
CREATE TABLE puppet (
  school      @KEY@ NOT NULL DEFAULT '',
  bridge      @KEY@ NOT NULL,
  mxid        @KEY@ NOT NULL,
  remote_user @KEY@ NOT NULL,
  login       TEXT NOT NULL,
  secret      TEXT NOT NULL,
  name        TEXT NOT NULL,
  avatar_key  TEXT NOT NULL,
  PRIMARY KEY (bridge, mxid, school)
);
CREATE UNIQUE INDEX puppet_user ON puppet (bridge, remote_user);
-- The chats that we have let puppets into. One that is not in such a chat any more
-- was taken out by somebody there.
CREATE TABLE puppet_chat (
  school      @KEY@ NOT NULL DEFAULT '',
  bridge      @KEY@ NOT NULL,
  chat        @KEY@ NOT NULL,
  remote_user @KEY@ NOT NULL,
  PRIMARY KEY (bridge, chat, remote_user, school)
);
-- Which account spoke: a puppet's user, '' = the bridge's own.
ALTER TABLE link ADD COLUMN puppet TEXT NOT NULL DEFAULT '';
ALTER TABLE reaction ADD COLUMN remote_user @KEY@ NOT NULL DEFAULT '';
-- A chat of few people: whose account reads it, '' = the bridge's own.
ALTER TABLE portal ADD COLUMN reader TEXT NOT NULL DEFAULT '';
