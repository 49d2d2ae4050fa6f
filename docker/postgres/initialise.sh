#!/bin/sh
# Run once by the image of PostgreSQL, on an empty data folder, as the superuser: the roles of
# config/database_roles.sql, their passwords, the database and its extensions.
set -eu

roles=${ROLES_FILE:-/opt/easel/database_roles.sql}
secrets=${SECRETS_FOLDER:-/run/secrets}

sql() {
    psql --set ON_ERROR_STOP=1 --no-psqlrc --quiet --username "$POSTGRES_USER" "$@"
}

sql --dbname postgres --file "$roles"
for login in owner web ops worker backup; do
    # Through standard input: an argument could be read by others.
    printf "ALTER ROLE easel_%s PASSWORD '%s';\n" \
        "$login" "$(cat "$secrets/password_$login")" | sql --dbname postgres
done
sql --dbname postgres --command "CREATE DATABASE easel OWNER easel_owner"
for extension in pg_trgm btree_gin pg_stat_statements; do
    sql --dbname easel --command "CREATE EXTENSION $extension"
done
