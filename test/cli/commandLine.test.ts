import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { COMMANDS, type CommandLine, parseCommandLine } from "../../src/cli/commandLine.ts";
import { PostriderError } from "../../src/ground/errors.ts";

const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OTHER_SECRET = "whsec_AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB";

/** As a shell would split it; there are no quotes in these tests. */
function parse(line: string): CommandLine {
  return parseCommandLine(line.split(" ").filter((word) => word !== ""));
}

/** The faults that parsing ends in, each as one line without its code. */
function faultsOf(line: string): readonly string[] {
  try {
    parse(line);
  } catch (thrown) {
    assert.ok(thrown instanceof PostriderError);
    assert.equal(thrown.exitStatus, 2);
    assert.ok(thrown.faults.every(({ code }) => code === "PR0001"));
    return thrown.faults.map(({ problem, found, remedy }) => `${problem}: ${found}; ${remedy}`);
  }
  return [];
}

function oneFault(line: string): string {
  const faults = faultsOf(line);
  assert.equal(faults.length, 1, faults.join("\n"));
  return faults[0] ?? "";
}

function helpText(line: string): string {
  const parsed = parse(line);
  assert.ok(parsed.kind === "help");
  return parsed.text;
}

test("each command has its defaults", () => {
  assert.deepEqual(parse("dev"), {
    kind: "command",
    name: "dev",
    database: "optional",
    options: { port: null, dataDir: ".postrider", demo: true },
  });
  assert.deepEqual(parse("migrate"), {
    kind: "command",
    name: "migrate",
    database: "required",
    options: { mode: "apply" },
  });
  assert.deepEqual(parse("run"), { kind: "command", name: "run", database: "required", options: {} });
  assert.deepEqual(parse("status"), {
    kind: "command",
    name: "status",
    database: "required",
    options: { format: "table" },
  });
  assert.deepEqual(parse("receive"), {
    kind: "command",
    name: "receive",
    database: "optional",
    options: { port: 8428, secrets: [] },
  });
  assert.deepEqual(parse("ingest"), {
    kind: "command",
    name: "ingest",
    database: "required",
    options: {
      ...{ follow: null, from: "beginning", name: null },
      ...{ eventType: "log.line", tenant: "", where: null, summary: "text" },
    },
  });
});

test("every option is read, with its value beside it or after an equals sign", () => {
  const dev = { kind: "command", name: "dev", database: "optional" };
  const options = { port: 5433, dataDir: "/tmp/data", demo: false };
  assert.deepEqual(parse("dev --port 5433 --data-dir /tmp/data --no-demo"), { ...dev, options });
  assert.deepEqual(parse("dev --no-demo --data-dir=/tmp/data --port=5433"), { ...dev, options });
  const receive = parse(`receive --port 0 --secret ${SECRET}`);
  assert.ok(receive.kind === "command");
  assert.deepEqual(receive.options, { port: 0, secrets: [SECRET] });
  const ingest = parse("ingest --follow app.log --from-end --name app --type app.log --tenant a --where $.n>1 --json");
  assert.ok(ingest.kind === "command");
  assert.deepEqual(ingest.options, {
    ...{ follow: "app.log", from: "end", name: "app" },
    ...{ eventType: "app.log", tenant: "a", where: "$.n>1", summary: "json" },
  });
  const status = parse("status --json");
  assert.ok(status.kind === "command");
  assert.deepEqual(status.options, { format: "json" });
});

test("what the events of an ingest could not have is refused, and what only a followed file has", () => {
  for (const type of ["order-paid", "order..paid", "a".repeat(256)]) {
    assert.match(oneFault(`ingest --type ${type}`), /cannot use --type: it is /);
  }
  assert.match(oneFault(`ingest --tenant ${"a".repeat(256)}`), /it has 256 characters; use 255 at most/);
  assert.match(oneFault("ingest --name app"), /cannot use --name: standard input is read.*--follow FILE/);
  assert.match(oneFault("ingest --from-end"), /cannot use --from-end: standard input is read/);
  assert.match(oneFault("ingest --folow app.log"), /did you mean --follow\?/);
});

test("migrate --print needs no database, migrate --check does, and both together are refused", () => {
  const print = parse("migrate --print");
  assert.ok(print.kind === "command");
  assert.deepEqual([print.database, print.options], ["optional", { mode: "print" }]);
  const check = parse("migrate --check");
  assert.ok(check.kind === "command");
  assert.deepEqual([check.database, check.options], ["required", { mode: "check" }]);
  assert.match(oneFault("migrate --print --check"), /both are given/);
});

test("several secrets may follow one option, or each its own", () => {
  for (const line of [`--secret ${SECRET} ${OTHER_SECRET}`, `--secret ${SECRET} --secret=${OTHER_SECRET}`]) {
    const receive = parse(`receive ${line} --port 9000`);
    assert.ok(receive.kind === "command" && receive.name === "receive");
    assert.deepEqual(receive.options, { port: 9000, secrets: [SECRET, OTHER_SECRET] });
  }
});

test("of an option given twice the last counts", () => {
  const dev = parse("dev --port 1 --port 2");
  assert.ok(dev.kind === "command" && dev.name === "dev");
  assert.equal(dev.options.port, 2);
});

test("no command is help with exit status 2, and asked for it is 0", () => {
  const unasked = parse("");
  const asked = parse("--help");
  assert.ok(unasked.kind === "help" && asked.kind === "help");
  assert.deepEqual([unasked.exitStatus, asked.exitStatus], [2, 0]);
  assert.equal(unasked.text, asked.text);
  for (const { name, summary } of COMMANDS) {
    assert.ok(asked.text.includes(name) && asked.text.includes(summary));
  }
});

test("each command's help is had in three ways and tells its usage, options, defaults and examples", () => {
  for (const { name, options, examples } of COMMANDS) {
    const text = helpText(`${name} --help`);
    assert.equal(helpText(`help ${name}`), text);
    assert.equal(helpText(`--help ${name}`), text);
    for (const option of options) {
      assert.ok(text.includes(`--${option.name}`) && text.includes(option.sentence));
    }
    assert.ok(examples.every((example) => text.includes(example)));
    assert.ok(text.split("\n").every((line) => line.length <= 120));
  }
  assert.match(helpText("dev -h"), /^Usage: postrider dev \[--port N\] \[--data-dir DIR\] \[--no-demo\]$/m);
  assert.match(helpText("receive --help"), /^Usage: postrider receive \[--port N\] \[--secret S…\]$/m);
  assert.match(helpText("dev --help"), /default: \.postrider/);
});

test("the examples of the help are good command lines", () => {
  for (const { examples } of COMMANDS) {
    for (const example of examples) {
      const words = example
        .replace(/^(\S+=\S+|app \|) /, "")
        .replace(/ [|>].*$/, "")
        .replace("whsec_…", SECRET);
      assert.equal(parse(words.replace(/^postrider /, "")).kind, "command", example);
    }
  }
});

test("help and version win over what is wrong beside them", () => {
  assert.equal(parse("run --help --nonsense x").kind, "help");
  assert.equal(parse("run --version").kind, "version");
  assert.deepEqual(parse("--version"), { kind: "version" });
  assert.deepEqual(parse("-v"), { kind: "version" });
});

test("an unknown command is told with the near miss", () => {
  assert.equal(
    oneFault("migrat"),
    'cannot run "migrat": it is not a command; did you mean "migrate"? postrider --help lists the commands',
  );
  assert.match(oneFault("help recieve"), /did you mean "receive"\?/);
  assert.match(oneFault("frobnicate"), /it is not a command; postrider --help/);
  assert.match(oneFault("adpot"), /did you mean "adopt"\?/);
});

test("an unknown option is told with the near miss", () => {
  assert.match(oneFault("dev --prt 5433").split("; ")[1] ?? "", /^did you mean --port\?/);
  assert.match(oneFault("status --jsn"), /it is not an option of postrider status; did you mean --json\?/);
  assert.match(oneFault("run --hepl"), /did you mean --help\?/);
  assert.match(oneFault("run -x"), /cannot use -x/);
});

test("an option before the command is told so", () => {
  assert.match(oneFault("--json status"), /cannot use --json: it stands before the command/);
  assert.match(oneFault("--hlep"), /it is not an option; did you mean --help\?/);
});

test("every mistake is told at once", () => {
  assert.deepEqual(faultsOf("dev now --port many --no-demo=yes --data-dir --wat"), [
    'cannot use "now": postrider dev takes options only; postrider dev --help lists them',
    "cannot use --no-demo: it takes no value; write --no-demo alone",
    "cannot use --data-dir: it has no value; write --data-dir DIR",
    'cannot use --port: it is "many"; use a whole number from 0 to 65535',
  ]);
});

test("a port is a whole number up to 65535", () => {
  for (const port of ["65536", "1.5", "0x50", "http", "-1", "1e3"]) {
    assert.match(oneFault(`receive --port ${port}`), /--port/);
  }
});

test("a wrong secret is refused without a word of it", () => {
  for (const line of ["--secret s3cret-word", "--secret whsec_s3cretword", `--secret ${SECRET} s3cret-word`]) {
    const fault = oneFault(`receive ${line}`);
    assert.match(fault, /^cannot use --secret: the secret /);
    assert.doesNotMatch(fault, /s3cret/);
  }
  assert.doesNotMatch(oneFault(`receive ${SECRET}`), /MfKQ/);
});

test("any words make a command line or a fault, never another exception", () => {
  const word = fc.oneof(
    fc.string(),
    fc.constantFrom("dev", "receive", "--port", "--secret", "--", "-", "--no-demo", "-hv", "--port=", "__proto__"),
  );
  fc.assert(
    fc.property(fc.array(word), (words) => {
      try {
        parseCommandLine(words);
      } catch (thrown) {
        assert.ok(thrown instanceof PostriderError && thrown.faults.length > 0);
      }
    }),
  );
});
