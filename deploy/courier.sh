#!/bin/sh
# Creates the login that the daemon uses. It may do what a daemon does, and owns nothing. The role that it is a member of
# gets its rights when the schema is installed.
psql --set ON_ERROR_STOP=1 --set password="$COURIER_PASSWORD" --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
create role postrider_daemon nologin;
create role courier login password :'password' in role postrider_daemon;
SQL
