import { fileName, SETTINGS, type Setting } from "./settings.ts";

/** The documentation's table of settings, as Markdown. */
export function settingsTable(): string {
  const rows = Object.values(SETTINGS).map((setting: Setting) => {
    const name = setting.secret ? `\`${setting.name}\`, \`${fileName(setting.name)}\`` : `\`${setting.name}\``;
    return `| ${name} | ${describedValues(setting)} | ${describedDefault(setting)} | ${setting.sentence} |`;
  });
  return ["| setting | value | default | what it does |", "|---|---|---|---|", ...rows].join("\n");
}

function describedValues(setting: Setting): string {
  switch (setting.type) {
    case "url":
      return "connection URL, secret";
    case "proxy":
      return "URL of an HTTP proxy, secret";
    case "certificates":
      return "path of a file";
    case "keys":
      return "list of keys, secret";
    case "choice":
      return setting.choices.map((choice) => `\`${choice}\``).join(", ");
    case "integer":
      return `whole number, ${setting.min} to ${setting.max}${setting.auto === undefined ? "" : ", or `auto`"}`;
    case "duration":
      return `duration, \`${setting.min}\` to \`${setting.max}\``;
    case "uriReference":
      return "URI, or the end of one, of at most 1024 characters";
    case "listen":
      return "`host:port`, or `off`";
    case "baseUrl":
      return "http or https URL, without query";
    case "list":
      return "list, separated by commas";
  }
}

function describedDefault(setting: Setting): string {
  return setting.default === null || setting.default === "" ? "" : `\`${setting.default}\``;
}
