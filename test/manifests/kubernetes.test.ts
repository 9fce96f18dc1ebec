/** The manifests for Kubernetes: what they say exists, and what they would start is started here, with its environment. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { promisify } from "node:util";
import type { IScaledObject } from "@kubernetes-models/keda/keda.sh/v1alpha1/ScaledObject";
import type { IPodMonitor } from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PodMonitor";
import type { IDeployment } from "kubernetes-models/apps/v1/Deployment";
import type { IJob } from "kubernetes-models/batch/v1/Job";
import type { IIngress } from "kubernetes-models/networking.k8s.io/v1/Ingress";
import type { IPodDisruptionBudget } from "kubernetes-models/policy/v1/PodDisruptionBudget";
import type { IPodSpec } from "kubernetes-models/v1/PodSpec";
import type { IService } from "kubernetes-models/v1/Service";
import { readConfig } from "../../src/config/read.ts";
import { SETTINGS } from "../../src/config/settings.ts";
import { VERSION } from "../../src/ground/version.ts";
import { judgeAddress, judgeUrl } from "../../src/http/egress/policy.ts";
import { assertDelivers } from "../binary/delivers.ts";
import { assertServesPortal } from "../binary/servesPortal.ts";
import { NEWEST } from "../plan.ts";
import { createDatabaseOf } from "../support/database.ts";
import { guideBlock, guideText, ROOT } from "../support/guides.ts";
import { notePrograms } from "../support/notedPrograms.ts";
import { promqlFaults } from "../support/promql.ts";
import { startServer } from "../support/testServer.ts";
import type { Cluster } from "./cloudNativePg.ts";
import { manifestOf, readManifests, typeFaults } from "./kubernetesFiles.ts";

const execute = promisify(execFile);

/** How long a daemon takes to record after its grace, if Postgres does not answer. */
const RECORD_S = 5;
/** Of a daemon: eight for its work, two for its listener. */
const CONNECTIONS_OF_ONE = 10;

const deployment = manifestOf<IDeployment>("Deployment", "daemon.yaml");
const portal = manifestOf<IDeployment>("Deployment", "portal.yaml");
const migration = manifestOf<IJob>("Job");
const cluster = manifestOf<Cluster>("Cluster");
const daemonPod = deployment.spec?.template.spec ?? assert.fail("the Deployment has no pod");
const portalPod = portal.spec?.template.spec ?? assert.fail("the Deployment of the portal has no pod");
const migrationPod = migration.spec?.template.spec ?? assert.fail("the Job has no pod");

test("Kubernetes has each kind and each field, and a misspelled one is found", async () => {
  const manifests = readManifests();
  const broken = JSON.parse(JSON.stringify(manifests[1]?.value).replace('"readinessProbe"', '"readyProbe"'));
  assert.equal(manifests[1]?.kind, "Deployment");
  const [faults, found] = await Promise.all([
    typeFaults(manifests),
    typeFaults([{ file: "broken.yaml", kind: "Deployment", value: broken }]),
  ]);
  assert.equal(faults, "");
  assert.match(found, /"readyProbe".* does not exist/);
});

test("these tests are typed like the others, which do not see them", async () => {
  const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
  const { stdout } = await execute(process.execPath, [tsc, "--project", import.meta.dirname]);
  assert.equal(stdout, "");
});

for (const [name, pod] of [
  ["daemon", daemonPod],
  ["migration", migrationPod],
  ["portal", portalPod],
] as const) {
  test(`the pod of the ${name} keeps to the restricted standard, and writes nowhere`, () => {
    const { containers, securityContext, volumes = [], automountServiceAccountToken } = pod;
    assert.equal(containers.length, 1);
    const [{ securityContext: own, image } = assert.fail()] = containers;
    assert.deepEqual([securityContext?.runAsNonRoot, securityContext?.seccompProfile?.type], [true, "RuntimeDefault"]);
    assert.deepEqual(
      [own?.allowPrivilegeEscalation, own?.readOnlyRootFilesystem, own?.capabilities],
      [false, true, { drop: ["ALL"] }],
    );
    assert.equal(automountServiceAccountToken, false);
    assert.ok(volumes.every(({ secret }) => secret?.defaultMode === 0o440 && securityContext?.fsGroup === 65532));
    assert.match(image ?? "", new RegExp(`/postrider:${VERSION.replaceAll(".", "\\.")}$`));
  });
}

test("probes ask the listener, on the port that it is set to", () => {
  const [{ ports, livenessProbe, readinessProbe } = assert.fail()] = daemonPod.containers;
  const address = daemonPod.containers[0]?.env?.find(({ name }) => name === SETTINGS.httpListen.name)?.value;
  assert.equal(address, `0.0.0.0:${ports?.[0]?.containerPort}`);
  assert.deepEqual(
    ports?.map(({ name }) => name),
    ["http"],
  );
  assert.deepEqual(livenessProbe?.httpGet, { path: "/healthz", port: "http" });
  assert.deepEqual(readinessProbe?.httpGet, { path: "/readyz", port: "http" });
});

test("what leads to the portal leads to its port, and to no daemon", () => {
  const { labels } = portal.spec?.template.metadata ?? {};
  const service = manifestOf<IService>("Service");
  const ingress = manifestOf<IIngress>("Ingress").spec;
  assert.deepEqual([portal.spec?.selector.matchLabels, service.spec?.selector], [labels, labels]);
  assert.notDeepEqual(deployment.spec?.template.metadata?.labels, labels);
  const [{ env, ports, livenessProbe, readinessProbe } = assert.fail()] = portalPod.containers;
  const set = (name: string) => env?.find((each) => each.name === name)?.value;
  assert.equal(set(SETTINGS.portalListen.name), `0.0.0.0:${ports?.[0]?.containerPort}`);
  assert.equal(set(SETTINGS.apiListen.name), "off");
  for (const { name } of [ports?.[0], service.spec?.ports?.[0]].map((each) => each ?? assert.fail())) {
    assert.equal(name, "portal");
  }
  assert.equal(service.spec?.ports?.[0]?.targetPort, "portal");
  for (const probe of [livenessProbe, readinessProbe]) assert.deepEqual(probe?.httpGet, { path: "/", port: "portal" });
  const [rule = assert.fail()] = ingress?.rules ?? [];
  assert.deepEqual([rule.host, ingress?.tls?.[0]?.hosts], [set(SETTINGS.portalHosts.name), [rule.host]]);
  assert.deepEqual(rule.http?.paths?.[0]?.backend.service, { name: service.metadata?.name, port: { name: "portal" } });
});

test("what selects the daemons finds them, and no migration", () => {
  const { labels } = deployment.spec?.template.metadata ?? {};
  const monitor = manifestOf<IPodMonitor>("PodMonitor");
  const selectors = [
    deployment.spec?.selector.matchLabels,
    manifestOf<IPodDisruptionBudget>("PodDisruptionBudget").spec?.selector?.matchLabels,
    monitor.spec?.selector?.matchLabels,
    daemonPod.topologySpreadConstraints?.[0]?.labelSelector?.matchLabels,
  ];
  for (const selector of selectors) assert.deepEqual(selector, labels);
  assert.notDeepEqual(migration.spec?.template.metadata?.labels, labels);
  assert.deepEqual(
    monitor.spec?.podMetricsEndpoints?.map(({ port, path }) => [port, path]),
    [["http", "/metrics"]],
  );
});

test("autoscaling asks for metrics that there are, and keeps within the connections of Postgres", () => {
  const {
    minReplicaCount,
    maxReplicaCount = 0,
    scaleTargetRef,
    triggers,
  } = manifestOf<IScaledObject>("ScaledObject").spec;
  assert.deepEqual([scaleTargetRef.name, minReplicaCount], [deployment.metadata?.name, deployment.spec?.replicas]);
  assert.deepEqual(
    triggers.map(({ type, metadata }) => [type, promqlFaults(metadata.query ?? "")]),
    [["prometheus", []]],
  );
  // With one more while a rollout replaces them; the default of max_connections is 100.
  assert.ok((maxReplicaCount + 1) * CONNECTIONS_OF_ONE < 90);
});

test("the commands of the guide make what the pods mount, and what they start migrates and delivers", async (t) => {
  const calls = await typed(t, guideBlock("deploy/kubernetes.md", "Start", "sh"));
  assert.deepEqual(calls.map(appliedFile).filter(Boolean), ["postgres.yaml", "migrate.yaml", "daemon.yaml"]);
  const created = secretOf("postrider", calls[0] ?? []);
  const portalCalls = await typed(t, guideBlock("deploy/kubernetes.md", "The portal", "sh"));
  assert.deepEqual(portalCalls.map(appliedFile).filter(Boolean), ["portal.yaml"]);
  const ofPortal = secretOf("postrider-portal", portalCalls[0] ?? []);
  assert.deepEqual(
    cluster.spec.managed.roles.filter(({ login }) => login).map(({ name, passwordSecret }) => [name, passwordSecret]),
    [
      [created.username, { name: "postrider" }],
      [ofPortal.username, { name: "postrider-portal" }],
    ],
  );

  const server = await serverOfCluster(t, { postrider: created, "postrider-portal": ofPortal });
  // As CloudNativePG makes it.
  const uri = `postgresql://shop:owned@shop-rw.default:5432/shop`;
  const secrets = {
    postrider: created,
    "postrider-portal": ofPortal,
    "shop-app": { uri },
    "shop-ca": { "ca.crt": "" },
  };
  const directory = await temporary(t);
  const start = async (pod: IPodSpec) => environment(await mounted(pod, secrets, directory, server.address));
  const { graceMs } = await assertDelivers(t, server, {
    migrate: { env: await start(migrationPod) },
    run: { env: await start(daemonPod) },
  });
  await assertServesPortal(t, server, { console: { env: await start(portalPod) }, daemon: await start(daemonPod) });
  assert.deepEqual(portalPod.containers[0]?.args, ["console"]);
  assert.deepEqual([migrationPod.containers[0]?.args, daemonPod.containers[0]?.args], [["migrate"], undefined]);
  assert.ok((daemonPod.terminationGracePeriodSeconds ?? 0) >= graceMs / 1000 + RECORD_S);
});

test("an upgrade migrates before it replaces daemons, and what looks at them names them", async (t) => {
  const upgrade = await typed(t, guideBlock("deploy/kubernetes.md", "Upgrade", "sh"));
  assert.deepEqual(upgrade.map(appliedFile).filter(Boolean), ["migrate.yaml", "daemon.yaml"]);
  assert.deepEqual(upgrade[0]?.slice(0, 4), ["kubectl", "delete", "job", migration.metadata?.name]);
  const [, , checked] = await typed(t, guideBlock("deploy/kubernetes.md", "Start", "sh"));
  assert.equal(checked?.at(-1), `cluster/${cluster.metadata.name}`);
  const looking = guideBlock("deploy/kubernetes.md", "Look", "sh");
  const calls = await typed(t, looking);
  const targets = calls.map((call) => call.slice(1, 5).join(" "));
  assert.deepEqual(targets, [
    "exec deployment/postrider -- postrider",
    "exec deployment/postrider -- postrider",
    "logs --selector app.kubernetes.io/name=postrider --prefix",
  ]);
});

test("receivers inside the cluster are allowed by name, as the guide says, and the metadata address is not", () => {
  const section = /## Receivers inside the cluster\n(.*?)\n## /s.exec(guideText("deploy/kubernetes.md"))?.[1] ?? "";
  const [url = "", , profile = "", , allow = ""] = [...section.matchAll(/`([^`]+)`/g)].map(([, code = ""]) => code);
  const policy = (env: Environment) =>
    readConfig({ DATABASE_URL: "postgres://db/shop", ...env }, { name: "run", database: "required" }).egress;
  const allowing = policy({ POSTRIDER_EGRESS: profile, POSTRIDER_EGRESS_ALLOW: allow });
  const { hostname } = new URL(url);
  assert.equal(judgeUrl(policy({}), url).verdict, "refused");
  assert.equal(judgeUrl(allowing, url).verdict, "allowed");
  assert.equal(judgeAddress(allowing, "10.96.7.1", hostname).verdict, "allowed");
  assert.equal(judgeAddress(allowing, "169.254.169.254", hostname).verdict, "refused");
});

type Secrets = Readonly<Record<string, Readonly<Record<string, string>>>>;
type Environment = Readonly<Record<string, string>>;

/** Runs commands of the guide where kubectl only notes what it was told. */
async function typed(t: TestContext, commands: string): Promise<readonly (readonly string[])[]> {
  const noted = await notePrograms(await temporary(t), ["kubectl"]);
  await execute("bash", ["-euc", commands], { cwd: ROOT, env: noted.env });
  return noted.calls();
}

function appliedFile(call: readonly string[]): string | undefined {
  const [, verb, , path = ""] = call;
  return verb === "apply" ? path.replace("deploy/kubernetes/", "") : undefined;
}

/** The keys and values that `kubectl create secret` was given. */
function secretOf(name: string, call: readonly string[]): Readonly<Record<string, string>> {
  assert.deepEqual(call.slice(0, 5), ["kubectl", "create", "secret", "generic", name]);
  const literals = call.flatMap((word, at) => (call[at - 1] === "--from-literal" ? [word.split(/=(.*)/s, 2)] : []));
  return Object.fromEntries(literals);
}

/** Writes what a pod mounts below a directory, and gives its variables with the paths there. */
async function mounted(pod: IPodSpec, secrets: Secrets, directory: string, address: string): Promise<Environment> {
  const [{ env = [], volumeMounts = [] } = assert.fail()] = pod.containers;
  for (const { name, mountPath } of volumeMounts) {
    const { secretName = "", items = [] } = pod.volumes?.find((volume) => volume.name === name)?.secret ?? {};
    for (const { key, path } of items) {
      const text = secrets[secretName]?.[key] ?? assert.fail(`nobody makes ${key} of ${secretName}`);
      const file = join(directory, mountPath, path);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, text.replace(/shop-rw(\.default)?:5432/, address));
    }
  }
  return Object.fromEntries(env.map(({ name, value = "" }) => [name, value.replace(/^(?=\/run)/, directory)]));
}

/** Without TLS, which the server of the test does not have. */
function environment(variables: Environment): Environment {
  return Object.fromEntries(Object.entries(variables).filter(([name]) => !name.startsWith("PGSSL")));
}

/** A server as CloudNativePG would make it: an owner that may create no roles, and the roles of the manifest. */
async function serverOfCluster(t: TestContext, secrets: Secrets) {
  const server = await startServer(NEWEST);
  const { database: name, owner } = cluster.spec.bootstrap.initdb;
  const database = await createDatabaseOf(server.url, "template0", name);
  t.after(() => database.drop().finally(() => server.stop()));
  await database.pool.query(`create role ${owner} login password 'owned'; alter database ${name} owner to ${owner}`);
  for (const { name: role, login, inRoles = [], passwordSecret } of cluster.spec.managed.roles) {
    const rights = passwordSecret === undefined ? "" : ` password '${secrets[passwordSecret.name]?.password}'`;
    const member = inRoles.length === 0 ? "" : ` in role ${inRoles.join(", ")}`;
    await database.pool.query(`create role ${role} ${login ? "login" : "nologin"}${rights}${member}`);
  }
  return { pool: database.pool, address: new URL(server.url).host };
}

async function temporary(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "postrider-kubernetes-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}
