/** The recipes of src/receive/languages.md as programs: their files, and how each is started on this machine. */
import { spawnSync } from "node:child_process";
import { cpSync, globSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { guideBlocks } from "../../support/guides.ts";

const GUIDE = "src/receive/languages.md";
const DIRECTORY = import.meta.dirname;

export interface Recipe {
  /** Of the guide. */
  readonly name: string;
  /** Debian's packages that it needs. */
  readonly packages: string;
  /** A command that succeeds if they are installed. */
  readonly probe: readonly [string, ...string[]];
  /** The blocks in their order, as heading and language, with the file that each becomes. */
  readonly blocks: readonly {
    readonly heading: string;
    readonly language: string;
    readonly files: readonly string[];
  }[];
  /** Files of this directory that stand around it. */
  readonly around?: readonly string[];
  /** What is run before it starts. */
  readonly build?: readonly [string, ...string[]];
  readonly program: (port: number) => readonly [string, ...string[]];
  readonly env?: Readonly<Record<string, string>>;
  /** Whether it limits the body itself. */
  readonly limitsBody: boolean;
}

/** Debian's own, because its packages are not for another one. */
const PYTHON = "/usr/bin/python3";
const WEBHOOK_PY = { heading: "Python", language: "python", files: ["webhook.py"] };
const JARS = globSync(
  "/usr/share/java/{spring3-*,jetty9-{server,servlet,http,io,util,security},servlet-api,jackson-{core,databind,annotations},postgresql,commons-logging}.jar",
).join(":");
const OPENED = ["--add-opens", "java.base/java.lang=ALL-UNNAMED"] as const;

export const RECIPES: readonly Recipe[] = [
  {
    name: "Flask",
    packages: "python3-flask python3-psycopg",
    probe: [PYTHON, "-c", "import flask, psycopg"],
    blocks: [WEBHOOK_PY, { heading: "Flask", language: "python", files: ["app.py"] }],
    program: (port) => [PYTHON, "-m", "flask", "--app", "app", "run", "--port", String(port)],
    limitsBody: true,
  },
  {
    name: "FastAPI",
    packages: "python3-fastapi python3-uvicorn python3-psycopg",
    probe: [PYTHON, "-c", "import fastapi, uvicorn, psycopg"],
    blocks: [WEBHOOK_PY, { heading: "FastAPI", language: "python", files: ["app.py"] }],
    program: (port) => [PYTHON, "-m", "uvicorn", "app:app", "--port", String(port)],
    limitsBody: true,
  },
  {
    name: "Rails",
    packages: "puma ruby-railties ruby-activerecord ruby-pg",
    probe: ["ruby", "-e", 'require "logger"; require "rails"; require "active_record"; require "pg"; require "puma"'],
    blocks: [
      {
        heading: "Rails",
        language: "ruby",
        files: ["app/models/webhook.rb", "app/models/inbox_entry.rb", "app/controllers/webhooks_controller.rb"],
      },
    ],
    around: ["config.ru", "app/models/shipment.rb"],
    program: (port) => ["puma", "--threads", "1:5", "--bind", `tcp://127.0.0.1:${port}`],
    env: { RAILS_ENV: "production" },
    limitsBody: false,
  },
  {
    name: "Laravel",
    packages: "php-cli php-pgsql php-laravel-framework",
    probe: [
      "php",
      "-r",
      'exit(extension_loaded("pdo_pgsql") && file_exists("/usr/share/php/Illuminate/Foundation") ? 0 : 1);',
    ],
    blocks: [
      {
        heading: "Laravel",
        language: "php",
        files: ["app/Webhooks/Webhook.php", "app/Webhooks/Rejected.php", "app/Http/Controllers/WebhookController.php"],
      },
    ],
    around: ["index.php", "config", "bootstrap/cache/.gitignore"],
    program: (port) => ["php", "-S", `127.0.0.1:${port}`, "index.php"],
    limitsBody: false,
  },
  {
    name: "Go",
    packages: "golang-go golang-github-lib-pq-dev",
    probe: ["sh", "-c", "command -v go && test -d /usr/share/gocode/src/github.com/lib/pq"],
    blocks: [{ heading: "Go", language: "go", files: ["webhook.go", "receiver.go"] }],
    around: ["main.go"],
    build: ["go", "build", "-o", "receiver", "webhook.go", "receiver.go", "main.go"],
    program: () => ["./receiver"],
    env: { GO111MODULE: "off", GOPATH: "/usr/share/gocode", GOFLAGS: "", PGSSLMODE: "disable" },
    limitsBody: true,
  },
  {
    name: "Spring",
    packages:
      "libspring-web-servlet-java libspring-jdbc-java libjetty9-java libjackson2-databind-java libpostgresql-jdbc-java",
    probe: [
      "sh",
      "-c",
      "command -v javac && cd /usr/share/java && ls spring3-web.servlet.jar spring3-jdbc.jar jetty9-server.jar",
    ],
    blocks: [{ heading: "Spring", language: "java", files: ["Webhook.java", "WebhookController.java"] }],
    around: ["Main.java"],
    build: ["javac", "-nowarn", "-cp", JARS, "Webhook.java", "WebhookController.java", "Main.java"],
    program: () => ["java", "-XX:TieredStopAtLevel=1", ...OPENED, "-cp", `${JARS}:.`, "Main"],
    limitsBody: false,
  },
  {
    name: "Node.js",
    packages: "nodejs",
    probe: [process.execPath, "--version"],
    blocks: [{ heading: "Node.js without the kit", language: "js", files: ["webhook.mjs"] }],
    around: ["server.mjs"],
    program: () => [process.execPath, "server.mjs"],
    env: { PG_MODULE: import.meta.resolve("pg") },
    limitsBody: false,
  },
];

/** Why it cannot run here; false if it can. */
export function missing({ probe: [file, ...args], packages }: Recipe): string | false {
  return spawnSync(file, args).status === 0 ? false : `not installed: apt-get install ${packages}`;
}

/** Writes the program to a directory. */
export function writeProgram({ blocks, around = [] }: Recipe, directory: string): void {
  for (const { heading, language, files } of blocks) {
    const texts = guideBlocks(GUIDE, heading, language);
    if (texts.length !== files.length) throw new Error(`${heading} has ${texts.length} blocks, not ${files.length}`);
    for (const [index, file] of files.entries()) writeInto(directory, file, texts[index] ?? "");
  }
  for (const file of around) {
    mkdirSync(join(directory, dirname(file)), { recursive: true });
    cpSync(join(DIRECTORY, file), join(directory, file), { recursive: true });
  }
}

function writeInto(directory: string, file: string, text: string): void {
  const path = join(directory, file);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}
