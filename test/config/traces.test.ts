import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { rootCertificates } from "node:tls";
import type { Environment } from "../../src/config/environment.ts";
import { readConfig } from "../../src/config/read.ts";
import { PostriderError } from "../../src/ground/errors.ts";
import type { TraceSettings } from "../../src/telemetry/traces/traces.ts";

const ENDPOINT = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318" };

const directory = mkdtempSync(join(tmpdir(), "postrider-traces-config-"));
after(() => rmSync(directory, { recursive: true }));

function fileHolding(text: string): string {
  const path = join(directory, `file-${Math.random()}`);
  writeFileSync(path, text);
  return path;
}

function read(env: Environment): TraceSettings | null {
  const needs = { name: "run", database: "required", traces: true } as const;
  return readConfig({ DATABASE_URL: "postgres://db/app", ...env }, needs).traces;
}

function traces(env: Environment): TraceSettings {
  const settings = read({ ...ENDPOINT, ...env });
  assert.ok(settings !== null);
  return settings;
}

function faultsOf(env: Environment): readonly string[] {
  try {
    read({ ...ENDPOINT, ...env });
  } catch (thrown) {
    assert.ok(thrown instanceof PostriderError);
    return thrown.faults.map(({ problem, found, remedy }) => `${problem}: ${found}; ${remedy}`);
  }
  return [];
}

test("traces are off unless an endpoint or the exporter says otherwise, and can be switched off", () => {
  for (const env of [
    {},
    { OTEL_SERVICE_NAME: "shop", OTEL_TRACES_SAMPLER: "wrong", OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" },
    { ...ENDPOINT, OTEL_SDK_DISABLED: "TRUE" },
    { ...ENDPOINT, OTEL_TRACES_EXPORTER: "none" },
    { OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: "http://collector:4318" },
    { OTEL_EXPORTER_OTLP_ENDPOINT: "" },
  ]) {
    assert.equal(read(env), null, JSON.stringify(env));
  }
  assert.equal(read({ OTEL_TRACES_EXPORTER: "otlp" })?.url, "http://localhost:4318/v1/traces");
});

test("a command that sends nothing reads no setting of traces", () => {
  const env = { DATABASE_URL: "postgres://db/app", ...ENDPOINT, OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" };
  assert.equal(readConfig(env, { name: "status", database: "required" }).traces, null);
});

test("with an endpoint alone, every setting has the default that OpenTelemetry gives it", () => {
  assert.deepEqual(read(ENDPOINT), {
    url: "http://collector:4318/v1/traces",
    protocol: "http/protobuf",
    headers: {},
    compression: "none",
    caCertificates: [],
    timeoutMs: 10_000,
    sampler: "parentbased_always_on",
    samplerRatio: 1,
    resource: { "service.name": "postrider" },
    queue: { spansMax: 2_048, exportSpansMax: 512, delayMs: 5_000, exportTimeoutMs: 30_000 },
  });
});

test("what is set for traces alone comes first", () => {
  const settings = traces({
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "https://traces.example/in",
    OTEL_EXPORTER_OTLP_PROTOCOL: "grpc",
    OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: "http/json",
    OTEL_EXPORTER_OTLP_HEADERS: "a=1,b=2",
    OTEL_EXPORTER_OTLP_TRACES_HEADERS: "b=3",
    OTEL_EXPORTER_OTLP_TIMEOUT: "1",
    OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: "2",
    OTEL_EXPORTER_OTLP_TRACES_COMPRESSION: "gzip",
  });
  const { url, protocol, headers, timeoutMs, compression } = settings;
  assert.deepEqual(
    { url, protocol, headers, timeoutMs, compression },
    {
      url: "https://traces.example/in",
      protocol: "http/json",
      headers: { a: "1", b: "3" },
      timeoutMs: 2,
      compression: "gzip",
    },
  );
  assert.equal(traces({ OTEL_EXPORTER_OTLP_ENDPOINT: "http://c/otlp/?k=1" }).url, "http://c/otlp/v1/traces?k=1");
});

test("pairs are percent-decoded, and headers can come from a file", () => {
  const attributes = "deployment.environment.name=prod%2Ceu, team = a=b ,service.name=other";
  assert.deepEqual(traces({ OTEL_RESOURCE_ATTRIBUTES: attributes }).resource, {
    "deployment.environment.name": "prod,eu",
    team: "a=b",
    "service.name": "other",
  });
  assert.equal(
    traces({ OTEL_RESOURCE_ATTRIBUTES: attributes, OTEL_SERVICE_NAME: "shop" }).resource["service.name"],
    "shop",
  );
  const path = fileHolding("authorization=Bearer%20s3cret\n");
  assert.deepEqual(traces({ OTEL_EXPORTER_OTLP_HEADERS_FILE: path }).headers, { authorization: "Bearer s3cret" });
});

test("a collector's CA is trusted beside those for receivers", () => {
  const [one = "", two = ""] = rootCertificates;
  const settings = traces({
    POSTRIDER_CA_FILE: fileHolding(one),
    OTEL_EXPORTER_OTLP_CERTIFICATE: fileHolding(two),
  });
  assert.deepEqual(settings.caCertificates, [one, two]);
});

test("everything that is wrong is reported at once, and no value that may be a secret", () => {
  const faults = faultsOf({
    OTEL_SDK_DISABLED: "maybe",
    OTEL_TRACES_EXPORTER: "otpl",
    OTEL_EXPORTER_OTLP_ENDPOINT: "http://user:s3cret@collector:4318",
    OTEL_EXPORTER_OTLP_TIMEOUT: "10s",
  });
  assert.deepEqual(faults, [
    'cannot read OTEL_TRACES_EXPORTER: it is "otpl"; did you mean "otlp"? It is one of otlp, none',
    'cannot read OTEL_SDK_DISABLED: it is "maybe"; use one of true, false',
    "cannot read OTEL_EXPORTER_OTLP_ENDPOINT: it has a user or a password; give them as OTEL_EXPORTER_OTLP_HEADERS=authorization=Basic%20…",
  ]);
  const others = faultsOf({
    OTEL_EXPORTER_OTLP_PROTOCOL: "grpc",
    OTEL_EXPORTER_OTLP_HEADERS: "api-key=s3cret%,s3cret,bad name=s3cret,c=s3cret%0d%0ax: y",
    OTEL_EXPORTER_OTLP_TIMEOUT: "10s",
    OTEL_TRACES_SAMPLER: "parentbased_jaeger_remote",
    OTEL_TRACES_SAMPLER_ARG: "1.5",
    OTEL_BSP_MAX_QUEUE_SIZE: "1000000",
  });
  assert.equal(others.length, 9, others.join("\n"));
  assert.match(others.join("\n"), /it is "grpc", which is not supported; use http\/protobuf, .* usually 4318/);
  assert.match(others.join("\n"), /cannot read OTEL_EXPORTER_OTLP_HEADERS: entry 2 of it is not key=value/);
  assert.match(others.join("\n"), /OTEL_EXPORTER_OTLP_HEADERS: it has a header that begins with "bad", which/);
  assert.doesNotMatch(others.join("\n"), /s3cret/);
  const withColon = faultsOf({ OTEL_EXPORTER_OTLP_HEADERS: "authorization: Basic s3cret==,x-key:s3cret=" });
  assert.deepEqual(
    withColon.map((fault) => /begins with "[^"]*"/.exec(fault)?.[0]),
    ['begins with "authorization"', 'begins with "x-key"'],
  );
  assert.doesNotMatch(withColon.join("\n"), /s3cret/);
  assert.match(faultsOf({ OTEL_EXPORTER_OTLP_ENDPOINT: "collector:4317" }).join(), /use one such as http:/);
});
