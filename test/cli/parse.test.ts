import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { COMMAND_NAMES, loadCommand } from "../../src/cli/commands.ts";
import { type CommandLine, parseCommandLine } from "../../src/cli/parse.ts";
import { PostriderError } from "../../src/ground/errors.ts";

const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OTHER_SECRET = "whsec_AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB";

const DEV = { port: null, "data-dir": ".postrider", "database-url": null, "no-demo": false };

/** As a shell would split it; there are no quotes in these tests. */
function parse(line: string): Promise<CommandLine> {
  return parseCommandLine(line.split(" ").filter((word) => word !== ""));
}

/** The command of a line, and the values of its options. */
async function parsed(line: string): Promise<readonly [name: string, values: unknown]> {
  const commandLine = await parse(line);
  assert.ok(commandLine.kind === "command");
  return [commandLine.name, commandLine.values];
}

/** The faults that parsing ends in, each as one line without its code. */
async function faultsOf(line: string): Promise<readonly string[]> {
  try {
    await parse(line);
  } catch (thrown) {
    assert.ok(thrown instanceof PostriderError);
    assert.equal(thrown.exitStatus, 2);
    assert.ok(thrown.faults.every(({ code }) => code === "PR0001"));
    return thrown.faults.map(({ problem, found, remedy }) => `${problem}: ${found}; ${remedy}`);
  }
  return [];
}

async function oneFault(line: string): Promise<string> {
  const faults = await faultsOf(line);
  assert.equal(faults.length, 1, faults.join("\n"));
  return faults[0] ?? "";
}

async function helpText(line: string): Promise<string> {
  const commandLine = await parse(line);
  assert.ok(commandLine.kind === "help");
  return commandLine.text;
}

test("each command has its defaults", async () => {
  assert.deepEqual(await parsed("dev"), ["dev", DEV]);
  assert.deepEqual(await parsed("migrate"), ["migrate", { print: false, check: false }]);
  assert.deepEqual(await parsed("run"), ["run", {}]);
  assert.deepEqual(await parsed("adopt"), ["adopt", { "dry-run": false, json: false }]);
  assert.deepEqual(await parsed("status"), ["status", { json: false }]);
  assert.deepEqual(await parsed("health"), ["health", { ready: false }]);
  const unwritten = { output: null, "payload-origin": [] };
  assert.deepEqual(await parsed("receive"), [
    "receive",
    { port: 8428, secret: [], "decryption-key": null, ...unwritten },
  ]);
  assert.deepEqual(await parsed("types"), ["types", { output: null, check: null }]);
  assert.deepEqual(await parsed("ingest"), [
    "ingest",
    {
      ...{ follow: null, "from-end": false, name: null, rotated: null },
      ...{ type: "log.line", tenant: null, where: null, json: false },
    },
  ]);
});

test("every option is read, with its value after a blank or an equals sign", async () => {
  const dev = ["dev", { ...DEV, port: 5433, "data-dir": "/tmp/data", "no-demo": true }];
  assert.deepEqual(await parsed("dev --port 5433 --data-dir /tmp/data --no-demo"), dev);
  assert.deepEqual(await parsed("dev --no-demo --data-dir=/tmp/data --port=5433"), dev);
  const origin = "https://events.example.com";
  const written = `--output - --payload-origin ${origin}`;
  assert.deepEqual(await parsed(`receive --port 0 --secret ${SECRET} --decryption-key key.json ${written}`), [
    "receive",
    { port: 0, secret: [SECRET], "decryption-key": "key.json", output: "-", "payload-origin": [origin] },
  ]);
  const ingest =
    "ingest --follow app.log --from-end --name app --rotated app.* --type app.log --tenant a --where $.n>1 --json";
  assert.deepEqual(await parsed(ingest), [
    "ingest",
    {
      ...{ follow: "app.log", "from-end": true, name: "app", rotated: "app.*" },
      ...{ type: "app.log", tenant: "a", where: "$.n>1", json: true },
    },
  ]);
  assert.deepEqual(await parsed("status --json"), ["status", { json: true }]);
  const apply = { FILE: "-", "dry-run": true, check: true, json: true };
  assert.deepEqual(await parsed("apply - --dry-run --check --json"), ["apply", apply]);
  assert.deepEqual(await parsed("adopt --dry-run"), ["adopt", { "dry-run": true, json: false }]);
  assert.deepEqual(await parsed("types --check a.ts"), ["types", { output: null, check: "a.ts" }]);
});

test("ingest takes the event types of the outbox", async () => {
  for (const type of ["orders/create", "payment-failed", "urn:order.paid"]) {
    const [, values] = await parsed(`ingest --type ${type}`);
    assert.equal((values as { readonly type: string }).type, type);
  }
});

test("ingest refuses what its events cannot have, and options that need a followed file", async () => {
  for (const type of ["order+paid", "order..paid", "a".repeat(256)]) {
    assert.match(await oneFault(`ingest --type ${type}`), /cannot use --type: it is /);
  }
  assert.match(await oneFault(`ingest --tenant ${"a".repeat(256)}`), /it has 256 characters; use at most 255/);
  assert.match(await oneFault("ingest --name app"), /cannot use --name: standard input is read.*--follow FILE/);
  assert.match(await oneFault("ingest --from-end"), /cannot use --from-end: standard input is read/);
  assert.match(await oneFault("ingest --rotated a.*"), /cannot use --rotated: standard input is read/);
  assert.match(await oneFault("ingest --folow app.log"), /did you mean --follow\?/);
});

test("options of which each does something else are refused together", async () => {
  assert.match(await oneFault("migrate --print --check"), /--print and --check: both are given/);
  assert.match(await oneFault("types --output a --check b"), /--output and --check: both are given/);
});

test("several secrets may follow one option, or each its own", async () => {
  for (const line of [`--secret ${SECRET} ${OTHER_SECRET}`, `--secret ${SECRET} --secret=${OTHER_SECRET}`]) {
    const secret = [SECRET, OTHER_SECRET];
    const values = { port: 9000, secret, "decryption-key": null, output: null, "payload-origin": [] };
    assert.deepEqual(await parsed(`receive ${line} --port 9000`), ["receive", values]);
  }
});

test("arguments without a name are taken in their order, wherever they stand", async () => {
  const given = { TYPE: "order.paid", JSON: "[1]", tenant: "acme", "ordering-key": null, "idempotency-key": null };
  const values = { ...given, "deliver-at": null, wait: true, json: false };
  for (const line of ["order.paid [1] --tenant acme --wait", "--tenant acme order.paid --wait [1]"]) {
    assert.deepEqual(await parsed(`publish ${line}`), ["publish", values]);
  }
  assert.deepEqual(await parsed("publish order.paid --wait --tenant acme"), ["publish", { ...values, JSON: null }]);
});

test("an argument that is missing, or one too many, is refused with what to write", async () => {
  assert.match(
    await oneFault("publish --wait"),
    /^cannot run postrider publish: TYPE is missing; write postrider publish TYPE \[JSON\] \[options\]$/,
  );
  assert.equal(
    await oneFault("publish order.paid [1] [2]"),
    'cannot use "[2]": postrider publish takes only TYPE, JSON and options; postrider publish --help lists them',
  );
});

test("the last value of a repeated option counts", async () => {
  const [, values] = await parsed("dev --port 1 --port 2");
  assert.deepEqual(values, { ...DEV, port: 2 });
});

test("without a command the help exits with status 2, and with 0 if it is asked for", async () => {
  const unasked = await parse("");
  const asked = await parse("--help");
  assert.ok(unasked.kind === "help" && asked.kind === "help");
  assert.deepEqual([unasked.exitStatus, asked.exitStatus], [2, 0]);
  assert.equal(unasked.text, asked.text);
  for (const name of COMMAND_NAMES) {
    const { summary } = await loadCommand(name);
    assert.ok(asked.text.includes(name) && asked.text.includes(summary));
  }
});

test("three ways lead to a command's help, with its usage, options, defaults and examples", async () => {
  for (const name of COMMAND_NAMES) {
    const { options, examples } = await loadCommand(name);
    const text = await helpText(`${name} --help`);
    assert.equal(await helpText(`help ${name}`), text);
    assert.equal(await helpText(`--help ${name}`), text);
    for (const [option, { sentence }] of Object.entries(options)) {
      assert.ok(text.includes(`--${option}`) && text.includes(sentence));
    }
    assert.ok(examples.every((example) => text.includes(example)));
    assert.ok(text.split("\n").every((line) => line.length <= 120));
  }
  assert.match(
    await helpText("dev -h"),
    /^Usage: postrider dev \[--port N\] \[--data-dir DIR\] \[--database-url URL\] \[--no-demo\]$/m,
  );
  assert.match(
    await helpText("receive --help"),
    /^Usage: postrider receive \[--port N\] \[--secret S…\] \[--decryption-key FILE\] \[--output PATH\]/m,
  );
  assert.match(await helpText("dev --help"), /default: \.postrider/);
});

test("the examples of the help are good command lines", async () => {
  for (const name of COMMAND_NAMES) {
    const { examples } = await loadCommand(name);
    for (const example of examples) {
      const words = example
        .replace(/^(\S+=\S+|app \|) /, "")
        .replace(/ [|<>].*$/, "")
        .replace("whsec_…", SECRET);
      assert.equal((await parse(words.replace(/^postrider /, ""))).kind, "command", example);
    }
  }
});

test("help and version win over what is wrong beside them", async () => {
  assert.equal((await parse("run --help --nonsense x")).kind, "help");
  assert.equal((await parse("run --version")).kind, "version");
  assert.deepEqual(await parse("--version"), { kind: "version" });
  assert.deepEqual(await parse("-v"), { kind: "version" });
});

test("an unknown command is refused with the near miss", async () => {
  assert.equal(
    await oneFault("migrat"),
    'cannot run "migrat": it is not a command; did you mean "migrate"? postrider --help lists the commands',
  );
  assert.match(await oneFault("help recieve"), /did you mean "receive"\?/);
  assert.match(await oneFault("frobnicate"), /it is not a command; postrider --help/);
  assert.match(await oneFault("adpot"), /did you mean "adopt"\?/);
});

test("an unknown option is refused with the near miss", async () => {
  assert.match((await oneFault("dev --prt 5433")).split("; ")[1] ?? "", /^did you mean --port\?/);
  assert.match(await oneFault("status --jsn"), /it is not an option of postrider status; did you mean --json\?/);
  assert.match(await oneFault("run --hepl"), /did you mean --help\?/);
  assert.match(await oneFault("run -x"), /cannot use -x/);
});

test("an option before the command is refused as such", async () => {
  assert.match(await oneFault("--json status"), /cannot use --json: it stands before the command/);
  assert.match(await oneFault("--hlep"), /it is not an option; did you mean --help\?/);
});

test("every mistake is reported at once", async () => {
  assert.deepEqual(await faultsOf("dev now --port many --no-demo=yes --data-dir --wat"), [
    'cannot use "now": postrider dev takes only options; postrider dev --help lists them',
    "cannot use --no-demo: it takes no value; write --no-demo alone",
    "cannot use --data-dir: it has no value; write --data-dir DIR",
    'cannot use --port: it is "many"; use a whole number from 0 to 65535',
  ]);
});

test("a port is a whole number up to 65535", async () => {
  for (const port of ["65536", "1.5", "0x50", "http", "-1", "1e3"]) {
    assert.match(await oneFault(`receive --port ${port}`), /--port/);
  }
});

test("a wrong secret is refused without repeating any of it", async () => {
  for (const line of ["--secret s3cret-word", "--secret whsec_s3cretword", `--secret ${SECRET} s3cret-word`]) {
    const fault = await oneFault(`receive ${line}`);
    assert.match(fault, /^cannot use --secret: the secret /);
    assert.doesNotMatch(fault, /s3cret/);
  }
  assert.doesNotMatch(await oneFault(`receive ${SECRET}`), /MfKQ/);
});

test("any words make a command line or a fault, never another exception", async () => {
  const word = fc.oneof(
    fc.string(),
    fc.constantFrom("dev", "receive", "--port", "--secret", "--", "-", "--no-demo", "-hv", "--port=", "__proto__"),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(word), async (words) => {
      try {
        await parseCommandLine(words);
      } catch (thrown) {
        assert.ok(thrown instanceof PostriderError && thrown.faults.length > 0);
      }
    }),
  );
});
