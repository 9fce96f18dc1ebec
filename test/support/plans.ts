/**
 * The plans of statements, those inside functions too, as the server has executed them: with the rows and the pages
 * that each part of the plan has read. They come from auto_explain, which tells them to the session as notices.
 */
import type { TestContext } from "node:test";
import pg from "pg";

/** One part of a plan. */
export interface PlanNode {
  readonly type: string;
  /** Of the table or partition that it reads; null for any other part. */
  readonly relation: string | null;
  readonly index: string | null;
  /** 0: planned, and pruned or not reached when it was executed. */
  readonly loops: number;
  /** Over all loops. */
  readonly rows: number;
  /** Partitions that were left out before it was executed. */
  readonly subplansRemoved: number;
  /** Pages read by it and by what is below it. */
  readonly pages: number;
  readonly children: readonly PlanNode[];
}

/** A statement that was executed. */
export interface Plan {
  readonly text: string;
  readonly root: PlanNode;
}

/** A session that reports the plan of everything it executes, also as a pool of one. It ends with the test. */
export class ExplainingSession {
  readonly pool: pg.Pool;
  #plans: Plan[] = [];

  private constructor(pool: pg.Pool) {
    this.pool = pool;
  }

  static async open(t: TestContext, url: string, settings: readonly string[] = []): Promise<ExplainingSession> {
    const session = new ExplainingSession(new pg.Pool({ connectionString: url, max: 1, idleTimeoutMillis: 0 }));
    t.after(() => session.pool.end());
    const client = await session.pool.connect();
    // The database is dropped with force while the session is still closing.
    session.pool.on("error", () => {});
    client.on("error", () => {});
    client.on("notice", (notice) => session.#hear(notice.message ?? ""));
    await client.query(`
      load 'auto_explain';
      set auto_explain.log_min_duration = 0;
      set auto_explain.log_nested_statements = on;
      set auto_explain.log_analyze = on;
      set auto_explain.log_buffers = on;
      set auto_explain.log_timing = off;
      set auto_explain.log_format = json;
      ${settings.map((setting) => `set ${setting};`).join("\n")}
      set client_min_messages = log`);
    client.release();
    return session;
  }

  /** What `work` does on this session, and the plans of every statement of it, in the order in which they ended. */
  async explain<Result>(work: (pool: pg.Pool) => Promise<Result>): Promise<{ result: Result; plans: Plan[] }> {
    this.#plans = [];
    const result = await work(this.pool);
    return { result, plans: this.#plans };
  }

  #hear(message: string): void {
    const start = message.indexOf("plan:\n");
    if (message.startsWith("duration: ") && start !== -1) {
      this.#plans.push(decodePlan(JSON.parse(message.slice(start + "plan:\n".length))));
    }
  }
}

type Json = Readonly<Record<string, unknown>>;

function decodePlan(json: Json): Plan {
  return { text: String(json["Query Text"]), root: decodeNode(json.Plan as Json) };
}

function decodeNode(json: Json): PlanNode {
  const loops = numberOf(json["Actual Loops"]);
  return {
    type: String(json["Node Type"]),
    relation: textOf(json["Relation Name"]),
    index: textOf(json["Index Name"]),
    loops,
    rows: numberOf(json["Actual Rows"]) * loops,
    subplansRemoved: numberOf(json["Subplans Removed"]),
    pages: numberOf(json["Shared Hit Blocks"]) + numberOf(json["Shared Read Blocks"]),
    children: ((json.Plans ?? []) as readonly Json[]).map(decodeNode),
  };
}

function numberOf(value: unknown): number {
  return typeof value === "number" ? value : 0;
}

function textOf(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

/** Every part of a plan, from the root down. */
export function partsOf(node: PlanNode): PlanNode[] {
  return [node, ...node.children.flatMap(partsOf)];
}

/**
 * Pages of tables and their indexes that the statements have read or written, those inside functions with the others.
 * What other parts of a plan read is the catalog, where something is made for the first time.
 */
export function pagesOf(plans: readonly Plan[]): number {
  const parts = plans.flatMap(({ root }) => partsOf(root)).filter(({ relation }) => relation !== null);
  return parts.reduce((sum, part) => sum + ownPages(part), 0);
}

function ownPages({ pages, children }: PlanNode): number {
  return Math.max(0, pages - children.reduce((sum, child) => sum + child.pages, 0));
}

/** A plan as a person reads it, with the partitions of a table in one line: for the message of a test that fails. */
export function describePlan({ text, root }: Plan): string {
  return [text.trim().replace(/\s+/g, " ").slice(0, 120), ...linesOf([root], 1)].join("\n");
}

function linesOf(nodes: readonly PlanNode[], depth: number): string[] {
  const executed = nodes.filter(({ loops }) => loops > 0);
  const alike = Map.groupBy(executed, ({ type, relation, index }) =>
    [type, relation, index].map(withoutDay).join(" ").trim(),
  );
  return [...alike].flatMap(([name, group]) => [
    `${"  ".repeat(depth)}${name}: ${group.length > 1 ? `${group.length} of them, ` : ""}${figuresOf(group)}`,
    ...linesOf(
      group.flatMap(({ children }) => children),
      depth + 1,
    ),
  ]);
}

function figuresOf(nodes: readonly PlanNode[]): string {
  const sum = (pick: (node: PlanNode) => number): number => nodes.reduce((total, node) => total + pick(node), 0);
  const removed = sum((node) => node.subplansRemoved);
  const figures = `${sum((node) => node.loops)} loops, ${sum((node) => node.rows)} rows, ${sum((node) => node.pages)} pages`;
  return removed === 0 ? figures : `${figures}, ${removed} partitions removed`;
}

function withoutDay(name: string | null): string {
  return name?.replace(/_(default|\d{8})(?=_|$)/, "_…") ?? "";
}
