import { type Members, pathsOf, problemSchema, RESPONSES } from "../openapi.ts";
import { CAPABILITIES, PORTAL_PATH } from "./route.ts";
import { PORTAL_SUBJECTS } from "./routes.ts";

let text: string | null = null;

/** The OpenAPI document of the portal; src/console/portal/openapi.json is the same. */
export function portalOpenApiText(): string {
  text ??= JSON.stringify(portalOpenApi());
  return text;
}

/** Of the table of its routes. */
export function portalOpenApi(): Members {
  return {
    openapi: "3.1.0",
    info: {
      title: "Postrider's portal",
      version: "1",
      license: { name: "MIT", identifier: "MIT" },
      description:
        "What a tenant sees and changes of its own, with a token that the application mints for it. What belongs to another tenant is not there: 404. `x-capability` is what the token must have. Times are RFC 3339 in UTC, intervals are as Postgres writes them. Members are added, and none is removed or gets another meaning.",
    },
    servers: [{ url: "/" }],
    security: [{ token: [] }],
    tags: Object.keys(PORTAL_SUBJECTS).map((name) => ({ name })),
    paths: {
      ...embeddingPath(),
      ...pathsOf(PORTAL_PATH, PORTAL_SUBJECTS, ({ scope }) => (scope === null ? {} : { "x-capability": scope })),
    },
    components: {
      securitySchemes: {
        token: { type: "http", scheme: "bearer", description: "A token that postrider.create_portal_token() made." },
      },
      schemas: { Problem: PROBLEM, Capability: { type: "string", enum: [...CAPABILITIES] } },
      responses: RESPONSES,
    },
  };
}

const PROBLEM = problemSchema({
  capability: { type: "string", description: "The capability that the token lacks." },
});

/** What the table has not, because it is told to everybody. */
function embeddingPath(): Members {
  const schema = {
    type: "object",
    required: ["origins"],
    properties: { origins: { type: "array", items: { type: "string" } } },
  };
  return {
    [`${PORTAL_PATH}/embedding`]: {
      get: {
        ...{ operationId: "portal_read_embedding", tags: ["tenant"], security: [] },
        summary: "Which sites may embed the portal, and give it tokens.",
        responses: {
          "200": { description: "They.", content: { "application/json": { schema } } },
          default: { $ref: "#/components/responses/Problem" },
        },
      },
    },
  };
}
