-- The database roles of Easel. Run once as a superuser (on Aurora: as the master user), before the
-- first migration; running it again changes nothing. Passwords are set apart from it:
--
--     psql -v ON_ERROR_STOP=1 -f config/database_roles.sql
--     ALTER ROLE easel_web PASSWORD '…';   -- and so for owner, ops, worker and backup
--
-- None of them is a superuser or may pass row-level security.
--
--   easel_owner    owns the tables and runs migrations; nothing that serves users signs in as it
--   easel_web      pages and API: sees the rows of the tenant of its transaction alone
--   easel_ops      admin, webhooks, scheduler: may take the service role for one transaction
--   easel_worker   GPU workers, which open hostile files: jobs, pictures, usage; nothing else
--   easel_backup   backups: reads everything, and nothing that serves users signs in as it
--   easel_service  no login: the role in which work crosses tenants

DO $roles$
DECLARE
    wanted record;
BEGIN
    FOR wanted IN
        SELECT * FROM (VALUES
            ('easel_owner', 'LOGIN'),
            ('easel_web', 'LOGIN'),
            ('easel_ops', 'LOGIN'),
            ('easel_worker', 'LOGIN'),
            ('easel_backup', 'LOGIN'),
            ('easel_service', 'NOLOGIN')
        ) AS roles (name, login)
    LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted.name) THEN
            EXECUTE format('CREATE ROLE %I', wanted.name);
        END IF;
        EXECUTE format('ALTER ROLE %I %s NOCREATEROLE NOCREATEDB', wanted.name, wanted.login);
    END LOOP;
    -- Only a superuser may touch these two, and elsewhere they are off from the start.
    IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        FOR wanted IN SELECT rolname AS name FROM pg_roles WHERE rolname LIKE 'easel\_%' LOOP
            EXECUTE format('ALTER ROLE %I NOSUPERUSER NOBYPASSRLS', wanted.name);
        END LOOP;
    END IF;
END
$roles$;

-- What pages, API and workers may do, admin and scheduler may do too.
GRANT easel_web, easel_worker TO easel_ops WITH INHERIT TRUE, SET FALSE;
-- Never inherited: whoever crosses tenants says so, transaction by transaction.
GRANT easel_service TO easel_ops WITH INHERIT FALSE, SET TRUE;
-- The functions that look beyond the tenant belong to the service role; only a member can give
-- them to it.
GRANT easel_service TO easel_owner WITH INHERIT FALSE, SET TRUE;
-- Whoever backs up has sessions that are read-only unless they say otherwise; pg_dump's are in any
-- case. The policies show every row to the service role, so a backup needs no right to pass them.
ALTER ROLE easel_backup SET default_transaction_read_only = on;
GRANT easel_service TO easel_backup WITH INHERIT TRUE, SET FALSE;
-- Last, since not every master may give it away: from PostgreSQL 16 on only a superuser, or who was
-- given it with the right to pass it on.
DO $backup$
BEGIN
    GRANT pg_read_all_data TO easel_backup;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE NOTICE '% may not grant pg_read_all_data, so python -m config.backup cannot read all tables here. Aurora makes its own backups and needs neither.', current_user
        USING HINT = 'Where they are wanted, have a superuser run: GRANT pg_read_all_data TO easel_backup';
END
$backup$;
