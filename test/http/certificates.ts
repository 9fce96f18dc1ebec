/** Certificates with any dates and issuers, made by the openssl of the machine. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";

export interface Pem {
  readonly key: string;
  readonly cert: string;
}

export interface CertificateOptions {
  readonly commonName?: string;
  readonly subjectAltName?: string;
  /** `20200101000000Z` */
  readonly notBefore?: string;
  readonly notAfter?: string;
  /** Without one it is self-signed. */
  readonly issuer?: Pem;
  /** Whether it may issue others. */
  readonly isCa?: boolean;
}

const CONFIGURATION = `
[ca]
default_ca = this
[this]
database = index.txt
new_certs_dir = .
serial = serial
default_md = sha256
policy = any
copy_extensions = copy
[any]
commonName = optional
`;

export function issueCertificate(t: TestContext, options: CertificateOptions): Pem {
  const { commonName = "receiver", subjectAltName = "DNS:hooks.example", issuer } = options;
  const { notBefore = "20200101000000Z", notAfter = "20990101000000Z" } = options;
  const directory = mkdtempSync(join(tmpdir(), "postrider-ca-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const openssl = (...args: readonly string[]): void => {
    execFileSync("openssl", args, { cwd: directory, stdio: "ignore" });
  };
  const constraints = options.isCa === true ? ["-addext", "basicConstraints=critical,CA:TRUE"] : [];
  const extensions = ["-addext", `subjectAltName=${subjectAltName}`, ...constraints];
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "key.pem"];
  openssl("req", "-new", ...key, "-subj", `/CN=${commonName}`, ...extensions, "-out", "request.pem");
  writeFileSync(join(directory, "ca.cnf"), CONFIGURATION);
  writeFileSync(join(directory, "index.txt"), "");
  writeFileSync(join(directory, "serial"), "01");
  writeFileSync(join(directory, "issuer.pem"), issuer === undefined ? "" : issuer.cert + issuer.key);
  const signer =
    issuer === undefined ? ["-selfsign", "-keyfile", "key.pem"] : ["-cert", "issuer.pem", "-keyfile", "issuer.pem"];
  const dates = ["-startdate", notBefore, "-enddate", notAfter];
  openssl(
    "ca",
    "-batch",
    "-config",
    "ca.cnf",
    ...signer,
    ...dates,
    "-notext",
    "-in",
    "request.pem",
    "-out",
    "cert.pem",
  );
  const read = (name: string): string => readFileSync(join(directory, name), "utf8");
  return { key: read("key.pem"), cert: read("cert.pem") };
}
