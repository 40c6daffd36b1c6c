CREATE TABLE audit (
  id     INTEGER PRIMARY KEY AUTOINCREMENT,
  school TEXT NOT NULL,
  bridge TEXT NOT NULL DEFAULT '',
  at     BIGINT NOT NULL,
  who    TEXT NOT NULL,
  what   TEXT NOT NULL
);
CREATE INDEX audit_school ON audit (school, at);
CREATE TABLE dead_letter (
  number      INTEGER PRIMARY KEY AUTOINCREMENT,
  school      TEXT NOT NULL,
  bridge      TEXT NOT NULL,
  portal      BIGINT NOT NULL,
  dir         TEXT NOT NULL,
  seq         BIGINT NOT NULL,
  item_key    TEXT NOT NULL,
  kind        TEXT NOT NULL,
  payload     BLOB NOT NULL,
  accepted_at BIGINT NOT NULL,
  dead_at     BIGINT NOT NULL,
  reason      TEXT NOT NULL,
  UNIQUE (portal, dir, item_key, bridge, school)
);
CREATE TABLE drop_count (
  school TEXT NOT NULL,
  bridge TEXT NOT NULL,
  policy TEXT NOT NULL,
  n      BIGINT NOT NULL,
  PRIMARY KEY (school, bridge, policy)
);
CREATE TABLE ghost (
  school      TEXT NOT NULL,
  bridge      TEXT NOT NULL,
  remote_user TEXT NOT NULL,
  mxid        TEXT NOT NULL,
  name        TEXT NOT NULL,
  avatar_key  TEXT NOT NULL,
  bot         BOOLEAN NOT NULL,
  PRIMARY KEY (school, bridge, remote_user)
);
CREATE INDEX ghost_mxid ON ghost (mxid);
CREATE TABLE identity (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  school      TEXT NOT NULL,
  bridge      TEXT NOT NULL,
  remote_user TEXT NOT NULL,
  mxid        TEXT NOT NULL,
  ref         TEXT NOT NULL,
  state       TEXT NOT NULL,
  code        TEXT NOT NULL,
  tries       BIGINT NOT NULL,
  acted       BOOLEAN NOT NULL,
  made_at     BIGINT NOT NULL,
  changed_at  BIGINT NOT NULL,
  changed_by  TEXT NOT NULL
);
CREATE INDEX identity_about ON identity (remote_user, bridge, made_at);
CREATE UNIQUE INDEX identity_mxid ON identity (mxid, bridge, school) WHERE state = 'approved';
CREATE INDEX identity_of ON identity (mxid, made_at);
CREATE UNIQUE INDEX identity_user ON identity (bridge, remote_user, school) WHERE state = 'approved';
CREATE TABLE instance (
  id         TEXT PRIMARY KEY,
  process    TEXT NOT NULL,
  started_at BIGINT NOT NULL,
  beat_at    BIGINT NOT NULL
);
CREATE TABLE item (
  id          BIGINT PRIMARY KEY,
  school      TEXT NOT NULL,
  bridge      TEXT NOT NULL,
  portal      BIGINT NOT NULL,
  dir         TEXT NOT NULL,
  item_key    TEXT NOT NULL,
  kind        TEXT NOT NULL,
  payload     BLOB NOT NULL,
  accepted_at BIGINT NOT NULL,
  not_before  BIGINT NOT NULL,
  uncertain   BOOLEAN NOT NULL,
  UNIQUE (portal, dir, item_key, bridge, school)
);
CREATE TABLE kv (
  school TEXT NOT NULL,
  bridge TEXT NOT NULL,
  name   TEXT NOT NULL,
  value  TEXT NOT NULL,
  PRIMARY KEY (school, bridge, name)
);
CREATE TABLE lane (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  school     TEXT NOT NULL,
  bridge     TEXT NOT NULL,
  portal     BIGINT NOT NULL,
  dir        TEXT NOT NULL,
  last_seq   BIGINT NOT NULL DEFAULT 0,
  received   BIGINT NOT NULL DEFAULT 0,
  delivered  BIGINT NOT NULL DEFAULT 0,
  dropped    BIGINT NOT NULL DEFAULT 0,
  dead       BIGINT NOT NULL DEFAULT 0,
  busy       BOOLEAN NOT NULL DEFAULT FALSE,
  touched    BOOLEAN NOT NULL DEFAULT FALSE,
  tried      BOOLEAN NOT NULL DEFAULT FALSE,
  owner      TEXT NOT NULL DEFAULT '',
  attempts   BIGINT NOT NULL DEFAULT 0,
  last_error TEXT NOT NULL DEFAULT '',
  next_at    BIGINT NOT NULL DEFAULT 0,
  UNIQUE (portal, dir, bridge, school)
);
CREATE INDEX lane_busy ON lane (owner, id) WHERE busy;
CREATE INDEX lane_touched ON lane (owner, id) WHERE touched;
CREATE TABLE link (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  school      TEXT NOT NULL,
  bridge      TEXT NOT NULL,
  portal      BIGINT NOT NULL,
  dir         TEXT NOT NULL,
  item_key    TEXT NOT NULL,
  kind        TEXT NOT NULL,
  room        TEXT NOT NULL,
  event_id    TEXT NOT NULL,
  remote_id   TEXT NOT NULL,
  sender      TEXT NOT NULL,
  root_event  TEXT NOT NULL,
  root_remote TEXT NOT NULL,
  at          BIGINT NOT NULL,
  removed     BOOLEAN NOT NULL, file TEXT NOT NULL DEFAULT '', puppet TEXT NOT NULL DEFAULT '',
  UNIQUE (item_key, portal, dir, bridge, school)
);
CREATE INDEX link_event ON link (event_id) WHERE event_id <> '';
CREATE INDEX link_old ON link (at) WHERE kind <> 'message';
CREATE INDEX link_remote ON link (portal, remote_id) WHERE remote_id <> '';
CREATE INDEX link_thread ON link (portal, root_remote) WHERE root_remote <> '';
CREATE TABLE login (
  school TEXT NOT NULL DEFAULT '',
  bridge TEXT NOT NULL,
  login  TEXT NOT NULL,
  state  TEXT NOT NULL,
  cause  TEXT NOT NULL,
  since  BIGINT NOT NULL,
  PRIMARY KEY (bridge, login, school)
);
CREATE TABLE login_owner (
  school TEXT NOT NULL DEFAULT '',
  bridge TEXT NOT NULL,
  owner  TEXT NOT NULL,
  PRIMARY KEY (bridge, school)
);
CREATE TABLE member_check (
  school TEXT NOT NULL,
  bridge TEXT NOT NULL,
  portal BIGINT NOT NULL,
  wanted BIGINT NOT NULL,
  done   BIGINT NOT NULL,
  sign   TEXT NOT NULL,
  at     BIGINT NOT NULL,
  PRIMARY KEY (portal, bridge, school)
);
CREATE INDEX member_check_due ON member_check (bridge) WHERE wanted > done;
CREATE TABLE portal (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  school     TEXT NOT NULL,
  bridge     TEXT NOT NULL,
  chat       TEXT NOT NULL,
  ref        TEXT NOT NULL,
  slug       TEXT NOT NULL,
  name       TEXT NOT NULL,
  topic      TEXT NOT NULL,
  private    BOOLEAN NOT NULL,
  room       TEXT NOT NULL,
  own_room   BOOLEAN NOT NULL,
  mode       TEXT NOT NULL,
  applied    TEXT NOT NULL,
  mode_fixed BOOLEAN NOT NULL,
  origin     TEXT NOT NULL,
  paused     TEXT NOT NULL,
  members    TEXT NOT NULL,
  follows    BOOLEAN NOT NULL,
  cursor_pos TEXT NOT NULL, reader TEXT NOT NULL DEFAULT '', space TEXT NOT NULL DEFAULT '', placed TEXT NOT NULL DEFAULT '',
  UNIQUE (bridge, chat),
  UNIQUE (bridge, slug)
);
CREATE INDEX portal_room ON portal (room) WHERE room <> '';
CREATE INDEX portal_school ON portal (school, bridge);
CREATE TABLE puppet (
  school      TEXT NOT NULL DEFAULT '',
  bridge      TEXT NOT NULL,
  mxid        TEXT NOT NULL,
  remote_user TEXT NOT NULL,
  login       TEXT NOT NULL,
  secret      TEXT NOT NULL,
  name        TEXT NOT NULL,
  avatar_key  TEXT NOT NULL,
  PRIMARY KEY (bridge, mxid, school)
);
CREATE TABLE puppet_chat (
  school      TEXT NOT NULL DEFAULT '',
  bridge      TEXT NOT NULL,
  chat        TEXT NOT NULL,
  remote_user TEXT NOT NULL,
  PRIMARY KEY (bridge, chat, remote_user, school)
);
CREATE UNIQUE INDEX puppet_user ON puppet (bridge, remote_user);
CREATE TABLE reaction (
  school   TEXT NOT NULL,
  bridge   TEXT NOT NULL,
  portal   BIGINT NOT NULL,
  target   TEXT NOT NULL,
  dir      TEXT NOT NULL,
  sender   TEXT NOT NULL,
  emoji    TEXT NOT NULL,
  event_id TEXT NOT NULL,
  at       BIGINT NOT NULL, remote_user TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (portal, target, dir, sender, emoji, bridge, school)
);
CREATE INDEX reaction_event ON reaction (event_id) WHERE event_id <> '';
CREATE TABLE space (
  id      INTEGER PRIMARY KEY AUTOINCREMENT,
  school  TEXT NOT NULL,
  bridge  TEXT NOT NULL,
  space   TEXT NOT NULL,
  slug    TEXT NOT NULL,
  name    TEXT NOT NULL,
  topic   TEXT NOT NULL,
  open    BOOLEAN NOT NULL,
  room    TEXT NOT NULL,
  applied TEXT NOT NULL,
  UNIQUE (bridge, space, school),
  UNIQUE (bridge, slug, school)
);
CREATE TABLE steg_schema (version BIGINT PRIMARY KEY, name TEXT NOT NULL, applied_at BIGINT NOT NULL);
