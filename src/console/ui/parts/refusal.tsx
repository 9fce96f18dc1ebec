import { Refusal } from "../api.ts";

/** Why it was refused, in the words of Postgres. */
export function RefusalText({ error }: { readonly error: unknown }) {
  const problem = error instanceof Refusal ? error.problem : null;
  return (
    <div role="alert" class="refusal">
      <p>{problem?.detail ?? (error instanceof Error ? error.message : String(error))}</p>
      {problem?.hint === undefined ? null : <p>{problem.hint}</p>}
      {problem === null ? null : (
        <p class="faint">
          {problem.title}
          {problem.code === undefined ? "" : `, ${problem.code}`}
        </p>
      )}
    </div>
  );
}
