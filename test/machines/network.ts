/**
 * Hosts that are network namespaces: each has an address of its own on one switch, and nothing of this machine's network. A
 * link can be lost in one direction, in both, or with its cable. Needs root and iproute2.
 */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { promisify } from "node:util";

const execute = promisify(execFile);

/** Of the addresses that are reserved for private networks. */
const PREFIX = "10.77.0.";
export const SUBNET = `${PREFIX}0/24`;
/** Of no host: what is sent there is lost, and the sender is told nothing. */
const NOBODY = "02:00:00:00:00:01";

/** Why there can be no such network here, or null. */
export async function noNetwork(): Promise<string | null> {
  if (process.getuid?.() !== 0) return "network namespaces need root";
  if (!(await succeeds("ip", "-Version"))) return "iproute2 is not installed";
  return (await succeeds("unshare", "--net", "true")) ? null : "this machine does not allow network namespaces";
}

function succeeds(program: string, ...args: readonly string[]): Promise<boolean> {
  return execute(program, args).then(
    () => true,
    () => false,
  );
}

/** The namespace of a process that does nothing else, and gone with it. */
class Namespace {
  readonly #holder: ChildProcess;

  private constructor(holder: ChildProcess) {
    this.#holder = holder;
  }

  static async open(): Promise<Namespace> {
    const holder = spawn("unshare", ["--net", "sh", "-c", "echo ready; exec sleep infinity"], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    if (holder.stdout === null) throw new Error("the process has no stdout");
    await once(holder.stdout, "data");
    return new Namespace(holder);
  }

  get pid(): number {
    return this.#holder.pid ?? 0;
  }

  /** What runs a program inside. */
  get enter(): readonly [string, ...string[]] {
    return ["nsenter", `--net=/proc/${this.pid}/ns/net`, "--"];
  }

  async ip(command: string): Promise<void> {
    const [program, ...before] = this.enter;
    await execute(program, [...before, "ip", ...command.split(" ")]);
  }

  async close(): Promise<void> {
    const exited = once(this.#holder, "exit");
    this.#holder.kill("SIGKILL");
    await exited;
  }
}

export class Network {
  readonly #switch: Namespace;
  readonly #hosts = new Set<Host>();

  private constructor(namespace: Namespace) {
    this.#switch = namespace;
  }

  static async open(): Promise<Network> {
    const namespace = await Namespace.open();
    await namespace.ip("link add switch type bridge");
    await namespace.ip("link set switch up");
    return new Network(namespace);
  }

  /** Adds a host with the address of that number. */
  async addHost(number: number): Promise<Host> {
    const namespace = await Namespace.open();
    const port = `port${number}`;
    await this.#switch.ip(`link add ${port} type veth peer name eth0 netns ${namespace.pid}`);
    await this.#switch.ip(`link set ${port} master switch up`);
    await namespace.ip(`address add ${PREFIX}${number}/24 dev eth0`);
    await namespace.ip("link set eth0 up");
    await namespace.ip("link set lo up");
    const host = new Host(namespace, `${PREFIX}${number}`, (state) => this.#switch.ip(`link set ${port} ${state}`));
    this.#hosts.add(host);
    return host;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#hosts].map((host) => host.remove()));
    await this.#switch.close();
  }
}

export class Host {
  readonly address: string;
  readonly #namespace: Namespace;
  readonly #setPort: (state: "up" | "down") => Promise<void>;
  #isGone = false;

  constructor(namespace: Namespace, address: string, setPort: (state: "up" | "down") => Promise<void>) {
    this.#namespace = namespace;
    this.address = address;
    this.#setPort = setPort;
  }

  /** What runs a program there. */
  program(...program: readonly string[]): readonly [string, ...string[]] {
    return [...this.#namespace.enter, ...program];
  }

  /** From now on nothing arrives at the other host that this one sends; the way back is as it was. */
  async loseWayTo({ address }: Host): Promise<void> {
    await this.#namespace.ip(`neighbour replace ${address} lladdr ${NOBODY} dev eth0 nud permanent`);
  }

  async findWayTo({ address }: Host): Promise<void> {
    await this.#namespace.ip(`neighbour delete ${address} dev eth0`);
  }

  async unplug(): Promise<void> {
    await this.#setPort("down");
  }

  async plugIn(): Promise<void> {
    await this.#setPort("up");
  }

  /** The host is gone. Programs that run there lose their network. */
  async remove(): Promise<void> {
    if (this.#isGone) return;
    this.#isGone = true;
    await this.unplug();
    await this.#namespace.close();
  }
}
