-- The integrity check of the platform's database. It only reads, so it runs at a leader and at a replica:
--   psql -d mental_health_platform -f integrity-check.sql
-- The backup and the check of a restore compare the result's rows with each other.
--   rows           the number of rows of each table
--   newest         the time of the newest user and of the newest crisis event, in UTC
--   not validated  constraints that were never checked against existing rows, by name
--   orphans        rows whose foreign key names a row that does not exist, by constraint
SELECT COUNT(*) AS users FROM public.users;
SELECT COUNT(*) AS crisis_events FROM public.crisis_events;

DO $check$
DECLARE
    item record;
    number bigint;
    moment timestamptz;
    result jsonb := '[]';
BEGIN
    FOR item IN
        SELECT format('%I.%I', nspname, relname) AS name
        FROM pg_class AS table_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE relkind IN ('r', 'p') AND NOT relispartition AND relpersistence <> 't'
            AND nspname NOT IN ('pg_catalog', 'information_schema')
            -- A dump contains an extension's tables only as the command that creates the extension.
            AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = table_class.oid AND deptype = 'e')
    LOOP
        EXECUTE format('SELECT count(*) FROM %s', item.name) INTO number;
        result := result || jsonb_build_object('check', 'rows', 'subject', item.name, 'value', number::text);
    END LOOP;

    FOR item IN
        SELECT format('public.%I', relname) AS name, attname
        FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
        WHERE (attrelid = 'public.users'::regclass AND attname = 'created_at')
            OR (attrelid = 'public.crisis_events'::regclass AND attname = 'detected_at')
    LOOP
        EXECUTE format('SELECT max(%I) FROM %s', item.attname, item.name) INTO moment;
        result := result || jsonb_build_object(
            'check', 'newest', 'subject', item.name,
            'value', coalesce(to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), 'none')
        );
    END LOOP;

    FOR item IN SELECT conrelid::regclass AS name, conname FROM pg_constraint WHERE NOT convalidated
    LOOP
        result := result || jsonb_build_object(
            'check', 'not validated', 'subject', format('%s.%I', item.name, item.conname), 'value', '1'
        );
    END LOOP;

    FOR item IN
        SELECT conname, conrelid::regclass AS child, confrelid::regclass AS parent,
            string_agg(format('child.%I IS NOT NULL', child_column.attname), ' AND ' ORDER BY place) AS is_set,
            string_agg(
                format('parent.%I = child.%I', parent_column.attname, child_column.attname), ' AND ' ORDER BY place
            ) AS matches
        FROM pg_constraint
            CROSS JOIN LATERAL unnest(conkey, confkey) WITH ORDINALITY AS pair (child_key, parent_key, place)
            JOIN pg_attribute AS child_column ON child_column.attrelid = conrelid AND child_column.attnum = child_key
            JOIN pg_attribute AS parent_column ON parent_column.attrelid = confrelid AND parent_column.attnum = parent_key
        WHERE contype = 'f' AND conparentid = 0
        GROUP BY pg_constraint.oid, conname, conrelid, confrelid
    LOOP
        EXECUTE format(
            'SELECT count(*) FROM %s AS child WHERE %s AND NOT EXISTS (SELECT FROM %s AS parent WHERE %s)',
            item.child, item.is_set, item.parent, item.matches
        ) INTO number;
        result := result || jsonb_build_object(
            'check', 'orphans', 'subject', format('%s.%I', item.child, item.conname), 'value', number::text
        );
    END LOOP;

    -- A setting of the session carries the result out of the block. Unlike a temporary table, a replica allows it.
    PERFORM set_config('lifeline.integrity', result::text, false);
END
$check$;

SELECT "check", subject, value
FROM jsonb_to_recordset(current_setting('lifeline.integrity')::jsonb) AS rows ("check" text, subject text, value text)
ORDER BY "check", subject;
