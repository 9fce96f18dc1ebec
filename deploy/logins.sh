#!/bin/sh
# Creates the logins of the daemon and of the portal. Each may do what that needs, and owns nothing. The roles that they are
# members of get their rights when the schema is installed.
psql --set ON_ERROR_STOP=1 --set courier="$COURIER_PASSWORD" --set portal="$PORTAL_PASSWORD" \
  --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
create role postrider_daemon nologin;
create role courier login password :'courier' in role postrider_daemon;
create role postrider_portal nologin;
create role portal login password :'portal' in role postrider_portal;
SQL
