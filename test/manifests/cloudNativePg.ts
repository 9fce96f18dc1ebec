/** What deploy/kubernetes uses of CloudNativePG's `Cluster`, by its API reference. No package has its types. */
export interface Cluster {
  readonly apiVersion: "postgresql.cnpg.io/v1";
  readonly kind: "Cluster";
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly instances: number;
    readonly imageName?: string;
    readonly storage: { readonly size: string };
    readonly bootstrap: {
      readonly initdb: { readonly database: string; readonly owner: string; readonly encoding?: string };
    };
    readonly managed: { readonly roles: readonly Role[] };
  };
}

export interface Role {
  readonly name: string;
  readonly login: boolean;
  readonly inRoles?: readonly string[];
  readonly passwordSecret?: { readonly name: string };
}
