import { fileName, SETTINGS, type Setting } from "./settings.ts";
import { TRACE_SETTINGS, type TraceSetting } from "./traceSettings.ts";

/** The documentation's table of settings, as Markdown. */
export function settingsTable(): string {
  return tableOf(Object.values(SETTINGS));
}

/** The same of the settings that OpenTelemetry has named. */
export function traceSettingsTable(): string {
  return tableOf(Object.values(TRACE_SETTINGS));
}

function tableOf(settings: readonly (Setting | TraceSetting)[]): string {
  const rows = settings.map((setting) => {
    const names = "tracesName" in setting ? [setting.name, setting.tracesName] : [setting.name];
    const name = names
      .flatMap((each) => (setting.secret ? [each, fileName(each)] : [each]))
      .map((each) => `\`${each}\``)
      .join(", ");
    return `| ${name} | ${describedValues(setting)} | ${describedDefault(setting)} | ${setting.sentence} |`;
  });
  return ["| setting | value | default | what it does |", "|---|---|---|---|", ...rows].join("\n");
}

function describedValues(setting: Setting | TraceSetting): string {
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
    case "header":
      return "name of a header";
    case "list":
      return "list, separated by commas";
    case "collector":
      return "http or https URL";
    case "pairs":
      return `list of \`key=value\`, separated by commas${setting.secret ? ", secret" : ""}`;
    case "text":
      return "text";
    case "ratio":
      return "number, 0 to 1";
  }
}

function describedDefault(setting: Setting | TraceSetting): string {
  return setting.default === null || setting.default === "" ? "" : `\`${setting.default}\``;
}
