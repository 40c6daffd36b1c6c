-- Links between a person's account on a network and their own Matrix account, also
-- asked for and ended ones. state: asked (a code is out), proven, approved, ended.
-- remote_user '': nobody of the name that was asked for. acted: was approved once,
-- so that events of the Matrix account may be ours.
CREATE TABLE identity (
  id          @ID@,
  school      @KEY@ NOT NULL,
  bridge      @KEY@ NOT NULL,
  remote_user @KEY@ NOT NULL,
  mxid        @KEY@ NOT NULL,
  ref         TEXT NOT NULL,
  state       @KEY@ NOT NULL,
  code        TEXT NOT NULL,
  tries       BIGINT NOT NULL,
  acted       BOOLEAN NOT NULL,
  made_at     BIGINT NOT NULL,
  changed_at  BIGINT NOT NULL,
  changed_by  TEXT NOT NULL
);
CREATE UNIQUE INDEX identity_user ON identity (bridge, remote_user, school) WHERE state = 'approved';
CREATE UNIQUE INDEX identity_mxid ON identity (mxid, bridge, school) WHERE state = 'approved';
CREATE INDEX identity_of ON identity (mxid, made_at);
CREATE INDEX identity_about ON identity (remote_user, bridge, made_at);
