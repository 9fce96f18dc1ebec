import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { useDatabase } from "../support/database.ts";
import { rowsOf } from "../support/engine.ts";

const database = useDatabase();

describe("everything in the schema says what it is", () => {
  const withoutComment: Readonly<Record<string, string>> = {
    "the schema": `
      select nspname as name from pg_namespace
      where nspname in ('postrider', 'postrider_internal') and obj_description(oid, 'pg_namespace') is null`,
    "each table and view": `
      select relname as name from pg_class
      where relnamespace = 'postrider'::regnamespace and relkind in ('r', 'p', 'v', 'm', 'f')
        and obj_description(oid, 'pg_class') is null`,
    "each column of a table or a view": `
      select c.relname || '.' || a.attname as name from pg_class c join pg_attribute a on a.attrelid = c.oid
      where c.relnamespace = 'postrider'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'f') and not c.relispartition
        and a.attnum > 0 and not a.attisdropped and col_description(c.oid, a.attnum) is null`,
    "each column of a daily partition": `
      select c.relname || '.' || a.attname as name from pg_class c join pg_attribute a on a.attrelid = c.oid
      where c.relnamespace = 'postrider'::regnamespace and c.relispartition and c.relkind = 'r' and c.relname ~ '_[0-9]{8}$'
        and a.attnum > 0 and not a.attisdropped and col_description(c.oid, a.attnum) is null`,
    "each function": `
      select oid::regprocedure::text as name from pg_proc
      where pronamespace in ('postrider'::regnamespace, 'postrider_internal'::regnamespace) and obj_description(oid, 'pg_proc') is null`,
    // A partition's trigger is its parent's.
    "each trigger": `
      select t.tgrelid::regclass || ': ' || t.tgname as name from pg_trigger t join pg_class c on c.oid = t.tgrelid
      where c.relnamespace = 'postrider'::regnamespace and not t.tgisinternal and t.tgparentid = 0
        and obj_description(t.oid, 'pg_trigger') is null`,
    "each type": `
      select t.typname as name from pg_type t
      where t.typnamespace in ('postrider'::regnamespace, 'postrider_internal'::regnamespace) and obj_description(t.oid, 'pg_type') is null
        and (t.typtype in ('d', 'e') or (select c.relkind from pg_class c where c.oid = t.typrelid) = 'c')`,
  };
  for (const [what, query] of Object.entries(withoutComment)) {
    test(what, async () => {
      assert.deepEqual(await rowsOf(database.pool, query), []);
    });
  }

  test("in a sentence", async () => {
    const rows = await rowsOf(
      database.pool,
      `select d.description from pg_description d
       where d.description !~ '\\.$'
         and ((d.classoid = 'pg_class'::regclass and d.objoid in (select oid from pg_class where relnamespace = 'postrider'::regnamespace))
           or (d.classoid = 'pg_proc'::regclass and d.objoid in (select oid from pg_proc where pronamespace in ('postrider'::regnamespace, 'postrider_internal'::regnamespace))))`,
    );
    assert.deepEqual(rows, []);
  });
});

/** What `\df postrider.*` shows. */
const CONSOLE = `
  select proname as name, obj_description(oid, 'pg_proc') as comment, oid
  from pg_proc where pronamespace = 'postrider'::regnamespace order by proname`;

describe("the schema postrider", () => {
  test("shows a DBA the functions that people call, and nothing else", async () => {
    const rows = await rowsOf<{ name: string }>(database.pool, CONSOLE);
    assert.deepEqual(
      rows.map(({ name }) => name),
      [
        ...[
          "adopt",
          "allow_unknown_event_types",
          "cancel",
          "cancel_replay",
          "capture",
          "chart",
          "copy_problem",
          "count_unmatched",
          "create_api_key",
          "create_api_link",
          "create_endpoint",
          "create_portal_token",
          "create_pull_token",
        ],
        ...["define_event_type", "delay_ms_bounds", "delete_endpoint", "disable_endpoint"],
        ...["drop_event_type", "drop_objective"],
        ...["enable_endpoint", "endpoint_id", "erase_event", "erase_tenant", "explain_event"],
        ...[
          "forget_ingest",
          "grant_roles",
          "judge_objective",
          "maintain",
          "pause_endpoint",
          "percentile",
          "prepare_restore",
        ],
        ...["preview_transformation", "publish", "publish_events", "rebuild_minutes", "redeliver"],
        ...[
          "refuse_unknown_event_types",
          "replay",
          "request_handshake",
          "request_ms_bounds",
          "reschedule",
          "resume_endpoint",
        ],
        ...["revoke_api_key", "revoke_portal_tokens", "revoke_pull_token", "rotate_secret"],
        ...["send_test_event", "set_objective", "skip", "subscribe", "uncapture"],
        ...["unsubscribe", "uuid_v7", "uuid_v7_floor", "uuid_v7_time"],
      ],
    );
  });

  test("says of each function when to use it", async () => {
    const rows = await rowsOf<{ name: string; comment: string }>(database.pool, CONSOLE);
    for (const { name, comment } of rows) {
      assert.match(comment, /(^|\. )Use it (if|after|before|for|to|instead of|once)\b/, name);
    }
  });

  test("leaves the rest to postrider_internal, which holds no table and is closed to PUBLIC", async () => {
    const rows = await rowsOf(
      database.pool,
      `select relname as name from pg_class where relnamespace = 'postrider_internal'::regnamespace and relkind <> 'c'
       union all
       select proname from pg_proc, aclexplode(coalesce(proacl, acldefault('f', proowner))) entry
       where pronamespace = 'postrider_internal'::regnamespace and entry.grantee = 0
       union all
       select nspname from pg_namespace, aclexplode(coalesce(nspacl, acldefault('n', nspowner))) entry
       where nspname = 'postrider_internal' and entry.grantee = 0`,
    );
    assert.deepEqual(rows, []);
  });
});

describe("a function", () => {
  test("that acts with its owner's rights pins its search_path, temporary tables last", async () => {
    const rows = await rowsOf<{ name: string; settings: string[] | null }>(
      database.pool,
      `select proname as name, proconfig as settings from pg_proc
       where pronamespace in ('postrider'::regnamespace, 'postrider_internal'::regnamespace) and prosecdef`,
    );
    assert.ok(rows.length > 0);
    for (const { name, settings } of rows) {
      assert.ok(settings?.includes("search_path=pg_catalog, pg_temp"), `${name} has ${settings?.join(", ")}`);
    }
  });

  test("that reads or writes our tables pins its search_path too", async () => {
    const rows = await rowsOf(
      database.pool,
      `select proname as name from pg_proc
       where pronamespace in ('postrider'::regnamespace, 'postrider_internal'::regnamespace) and prosrc ~ '(from|join|into|update|perform) postrider(_internal)?\\.'
         and not coalesce('search_path=pg_catalog, pg_temp' = any (proconfig), false)
       order by proname`,
    );
    // These name everything in full. The first runs the expressions of a capture, with the search_path of its owner; the
    // others run in every insert, with the inserter's rights.
    assert.deepEqual(rows, [{ name: "insert_changed_event" }, { name: "outbox_inserting" }, { name: "wake_daemons" }]);
  });
});

test("every check that an application or an operator can meet is named in words", async () => {
  const rows = await rowsOf<{ name: string }>(
    database.pool,
    `select conrelid::regclass || ': ' || conname as name from pg_constraint
     where connamespace = 'postrider'::regnamespace and contype = 'c' and conname !~ ' '`,
  );
  assert.deepEqual(rows, []);
});

describe("the texts under sql/", () => {
  const root = new URL("../../sql/", import.meta.url);
  const files = readdirSync(root, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".sql"))
    .sort();

  test("name each column that they read or return", () => {
    assert.ok(files.length > 0);
    for (const file of files) {
      const text = readFileSync(new URL(file, root), "utf8").replace(/--.*$/gm, "");
      const starred = /\b(?:returning|select)\s+(?:distinct\s+)?(?:[a-z_]+\.)?\*/i.exec(text);
      assert.equal(starred?.[0], undefined, file);
    }
  });

  test("have no function that is longer than a page or two", () => {
    for (const file of files.filter((name) => name.startsWith("functions/"))) {
      const text = readFileSync(new URL(file, root), "utf8");
      const [, statement = ""] = /^(create or replace function [\s\S]*?)^comment on/m.exec(text) ?? [];
      const lines = statement.split("\n").length;
      assert.ok(lines <= 115, `${file}: ${lines} lines`);
    }
  });

  // A function's comment says that.
  test("begin with what they do", () => {
    for (const file of files.filter((name) => !name.startsWith("functions/"))) {
      assert.match(readFileSync(new URL(file, root), "utf8"), /^-- [A-Z][^\n]{20,}/, file);
    }
  });

  // A server whose encoding lacks a character refuses the whole migration for it, be it in a comment.
  test("are ASCII", () => {
    for (const file of files) {
      const text = readFileSync(new URL(file, root), "utf8");
      assert.equal(/[^\n\x20-\x7e]/.exec(text)?.[0], undefined, file);
    }
  });

  test("say which locks a schema file takes, and whether it is breaking", () => {
    for (const file of files.filter((name) => /^(schema|upgrades)\//.test(name))) {
      const text = readFileSync(new URL(file, root), "utf8");
      assert.match(text, /^-- locks: /m, file);
      assert.match(text, /^-- breaking: (yes|no)/m, file);
    }
  });
});
