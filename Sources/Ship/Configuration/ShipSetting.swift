/// A setting of the shipper or of a kind of source: its name, what its value looks like, and what it does.
package struct ShipSetting: Sendable {
  package let name: String
  package let form: String
  package let help: String
  /// Whether it may come several times.
  package let isRepeated: Bool

  init(_ name: String, _ form: String, _ help: String, isRepeated: Bool = false) {
    self.name = name
    self.form = form
    self.help = help
    self.isRepeated = isRepeated
  }

  package static let shipper = [
    ShipSetting("state", "DIR", "where the spool and the positions are kept"),
    ShipSetting(
      "commit", "spool|server",
      "when positions are final: with the entries in the spool, or once the server has them (default spool)"),
    ShipSetting("spool-size", "SIZE", "how much may wait for the server (default 1G); sources wait while it is full"),
    ShipSetting("linger", "TIME", "how long an entry may wait for others (default 20ms)"),
    ShipSetting("host", "NAME", "the attribute host.name of every entry, and {host} (default: the machine's name)"),
    ShipSetting("own-stream", "STREAM", "the shipper's own log (default ship/HOST)"),
    ShipSetting("drain", "TIME", "how long to wait for the server at the end (default 5s)"),
  ]

  /// What the lines of all sources have.
  private static let lines = [
    ShipSetting("stream", "NAME", "the stream, with words in braces"),
    ShipSetting("format", "FORMAT", "how lines are read, as push does it (default auto)"),
    ShipSetting("input-zone", "ZONE", "the time zone of times without one (default local)"),
    ShipSetting("level", "LEVEL", "the severity of lines that say none"),
    ShipSetting("source", "NAME", "who wrote the lines, where they do not say it"),
    ShipSetting("multiline", "none|traces|EXPRESSION", "lines that are one entry (default: known stack traces)"),
    ShipSetting("drop", "EXPRESSION", "lines that match are not shipped", isRepeated: true),
    ShipSetting("mask", "EXPRESSION => TEXT", "what matches is replaced before it is stored", isRepeated: true),
    ShipSetting("rate", "N", "at most N lines a second (default: as many as there are)"),
    ShipSetting("over-rate", "wait|drop", "whether lines beyond it wait in the source (default) or are dropped"),
    ShipSetting("attribute", "KEY=TEXT", "added to each entry", isRepeated: true),
  ]

  package static let files =
    [
      ShipSetting("path", "GLOB", "which files: * ? [...] and ** for directories", isRepeated: true),
      ShipSetting("exclude", "GLOB", "which of them are not read", isRepeated: true),
      ShipSetting("start", "end|beginning", "where files begin that are there at the first start (default end)"),
      ShipSetting("archives", "yes|no", "whether files like app.log.2.gz are read (default no)"),
      ShipSetting("poll", "yes|no", "look at files every second: for network file systems (default no)"),
      ShipSetting("line-wait", "TIME", "how long a line waits for its end (default 5s)"),
    ] + lines

  package static let docker =
    [
      ShipSetting("address", "ADDRESS", "unix:///PATH (default: /var/run/docker.sock) or tcp://HOST:PORT"),
      ShipSetting("container", "GLOB", "names of containers (default: all)", isRepeated: true),
      ShipSetting("image", "GLOB", "images of containers", isRepeated: true),
      ShipSetting("label", "KEY[=VALUE]", "labels that a container needs", isRepeated: true),
      ShipSetting("containers", "N", "how many are read at the same time (default 100)"),
      ShipSetting("complete-removed", "yes|no", "complete the streams of removed containers (default no)"),
    ] + lines

  package static let journal =
    [
      ShipSetting("directory", "DIR", "the directory of a journal (default: this machine's)"),
      ShipSetting("unit", "UNIT", "only what these units write", isRepeated: true),
      ShipSetting("match", "FIELD=VALUE", "only entries with that field", isRepeated: true),
      ShipSetting("this-boot", "yes|no", "only entries since the machine was started (default no)"),
    ] + lines

  /// Of the command behind `--`.
  static let command =
    [ShipSetting("run", "WORD", "the program and its arguments", isRepeated: true)]
    + lines.filter { !["rate", "over-rate"].contains($0.name) }

  /// The settings of a kind; nil if there is no such kind.
  package static func all(of kind: String) -> [ShipSetting]? {
    switch kind {
    case "files": files
    case "docker": docker
    case "journal": journal
    case "command": command
    default: nil
    }
  }

  package static let kinds = ["files", "docker", "journal"]
}
