-- Running processes that use this database. On SQLite there is one at most.
CREATE TABLE instance (
  id         @KEY@ PRIMARY KEY,
  process    TEXT NOT NULL,
  started_at BIGINT NOT NULL,
  beat_at    BIGINT NOT NULL
);

-- Small things: positions, counters, secrets of the installation.
CREATE TABLE kv (
  school @KEY@ NOT NULL,
  bridge @KEY@ NOT NULL,
  name   @KEY@ NOT NULL,
  value  TEXT NOT NULL,
  PRIMARY KEY (school, bridge, name)
);

-- A Matrix room joined to one remote chat.
CREATE TABLE portal (
  id         @ID@,
  school     @KEY@ NOT NULL,
  bridge     @KEY@ NOT NULL,
  chat       @KEY@ NOT NULL,
  ref        TEXT NOT NULL,
  slug       TEXT NOT NULL,
  name       TEXT NOT NULL,
  topic      TEXT NOT NULL,
  private    BOOLEAN NOT NULL,
  room       @KEY@ NOT NULL,
  own_room   BOOLEAN NOT NULL,
  mode       TEXT NOT NULL,
  applied    TEXT NOT NULL,
  mode_fixed BOOLEAN NOT NULL,
  origin     TEXT NOT NULL,
  paused     TEXT NOT NULL,
  members    TEXT NOT NULL,
  follows    BOOLEAN NOT NULL,
  cursor_pos TEXT NOT NULL,
  UNIQUE (bridge, chat),
  UNIQUE (bridge, slug)
);
CREATE INDEX portal_school ON portal (school, bridge);
CREATE INDEX portal_room ON portal (room) WHERE room <> '';

-- A lane: the ordered work of one portal in one direction, and its account.
-- busy: something is pending. owner: the process that works on it, '' when idle.
-- touched: another process than the owner added items. tried: the oldest item
-- may have been attempted by a process that has stopped since.
CREATE TABLE lane (
  id         @ID@,
  school     @KEY@ NOT NULL,
  bridge     @KEY@ NOT NULL,
  portal     BIGINT NOT NULL,
  dir        @KEY@ NOT NULL,
  last_seq   BIGINT NOT NULL DEFAULT 0,
  received   BIGINT NOT NULL DEFAULT 0,
  delivered  BIGINT NOT NULL DEFAULT 0,
  dropped    BIGINT NOT NULL DEFAULT 0,
  dead       BIGINT NOT NULL DEFAULT 0,
  busy       BOOLEAN NOT NULL DEFAULT FALSE,
  touched    BOOLEAN NOT NULL DEFAULT FALSE,
  tried      BOOLEAN NOT NULL DEFAULT FALSE,
  owner      @KEY@ NOT NULL DEFAULT '',
  attempts   BIGINT NOT NULL DEFAULT 0,
  last_error TEXT NOT NULL DEFAULT '',
  next_at    BIGINT NOT NULL DEFAULT 0,
  UNIQUE (portal, dir, bridge, school)
)@HOT@;
CREATE INDEX lane_busy ON lane (owner, id) WHERE busy;
CREATE INDEX lane_touched ON lane (owner, id) WHERE touched;

-- What was accepted and is not done. id = lane.id * 2^32 + order in the lane, so
-- that a lane's items lie together and in order. not_before: deferred until then;
-- the items behind it need not wait. uncertain: an attempt may have had its effect.
CREATE TABLE item (
  id          BIGINT PRIMARY KEY,
  school      @KEY@ NOT NULL,
  bridge      @KEY@ NOT NULL,
  portal      BIGINT NOT NULL,
  dir         @KEY@ NOT NULL,
  item_key    @KEY@ NOT NULL,
  kind        TEXT NOT NULL,
  payload     @BLOB@ NOT NULL,
  accepted_at BIGINT NOT NULL,
  not_before  BIGINT NOT NULL,
  uncertain   BOOLEAN NOT NULL,
  UNIQUE (portal, dir, item_key, bridge, school)
)@QUEUE@;

-- What can never cross, kept with its content until a human decides.
CREATE TABLE dead_letter (
  number      @ID@,
  school      @KEY@ NOT NULL,
  bridge      @KEY@ NOT NULL,
  portal      BIGINT NOT NULL,
  dir         @KEY@ NOT NULL,
  seq         BIGINT NOT NULL,
  item_key    @KEY@ NOT NULL,
  kind        TEXT NOT NULL,
  payload     @BLOB@ NOT NULL,
  accepted_at BIGINT NOT NULL,
  dead_at     BIGINT NOT NULL,
  reason      TEXT NOT NULL,
  UNIQUE (portal, dir, item_key, bridge, school)
);

-- The message map; also remembers every key that is done.
-- kind: message; other = a step that made no message; dropped = by a policy.
-- Each question that is asked of it fits one index only, so that PostgreSQL's plan
-- is right even when it was made while the table was empty.
CREATE TABLE link (
  id          @ID@,
  school      @KEY@ NOT NULL,
  bridge      @KEY@ NOT NULL,
  portal      BIGINT NOT NULL,
  dir         @KEY@ NOT NULL,
  item_key    @KEY@ NOT NULL,
  kind        @KEY@ NOT NULL,
  room        @KEY@ NOT NULL,
  event_id    @KEY@ NOT NULL,
  remote_id   @KEY@ NOT NULL,
  sender      TEXT NOT NULL,
  root_event  @KEY@ NOT NULL,
  root_remote @KEY@ NOT NULL,
  at          BIGINT NOT NULL,
  removed     BOOLEAN NOT NULL,
  UNIQUE (item_key, portal, dir, bridge, school)
);
CREATE INDEX link_remote ON link (portal, remote_id) WHERE remote_id <> '';
CREATE INDEX link_event ON link (event_id) WHERE event_id <> '';
CREATE INDEX link_thread ON link (portal, root_remote) WHERE root_remote <> '';
CREATE INDEX link_old ON link (at) WHERE kind <> 'message';

-- How many items each policy dropped.
CREATE TABLE drop_count (
  school @KEY@ NOT NULL,
  bridge @KEY@ NOT NULL,
  policy @KEY@ NOT NULL,
  n      BIGINT NOT NULL,
  PRIMARY KEY (school, bridge, policy)
);

-- Remote people and what their Matrix users show.
CREATE TABLE ghost (
  school      @KEY@ NOT NULL,
  bridge      @KEY@ NOT NULL,
  remote_user @KEY@ NOT NULL,
  mxid        @KEY@ NOT NULL,
  name        TEXT NOT NULL,
  avatar_key  TEXT NOT NULL,
  bot         BOOLEAN NOT NULL,
  PRIMARY KEY (school, bridge, remote_user)
);
CREATE INDEX ghost_mxid ON ghost (mxid);

-- The last reported state of each login, and which process holds it.
CREATE TABLE login (
  school @KEY@ NOT NULL DEFAULT '',
  bridge @KEY@ NOT NULL,
  login  @KEY@ NOT NULL,
  state  TEXT NOT NULL,
  cause  TEXT NOT NULL,
  since  BIGINT NOT NULL,
  PRIMARY KEY (bridge, login, school)
);
CREATE TABLE login_owner (
  school @KEY@ NOT NULL DEFAULT '',
  bridge @KEY@ NOT NULL,
  owner  @KEY@ NOT NULL,
  PRIMARY KEY (bridge, school)
);

-- What people changed, for the operator.
CREATE TABLE audit (
  id     @ID@,
  school @KEY@ NOT NULL,
  bridge @KEY@ NOT NULL DEFAULT '',
  at     BIGINT NOT NULL,
  who    TEXT NOT NULL,
  what   TEXT NOT NULL
);
CREATE INDEX audit_school ON audit (school, at);
