import LogsWire
import Testing

@testable import LogsShip

/// Events of an engine become status entries; containers are chosen and named.
struct DockerEventTests {
  private static func event(_ action: String, _ attributes: String = "") throws -> DockerEvent {
    let line = """
      {"status":"\(action)","id":"4f5e","from":"tiny:1","Type":"container","Action":"\(action)","Actor":{"ID":"4f5e",\
      "Attributes":{"image":"tiny:1","name":"web"\(attributes)}},"scope":"local","time":1700000000,\
      "timeNano":1700000000000000007}
      """
    return try #require(DockerEvent(Array(line.utf8)[...]))
  }

  private static func entry(_ event: DockerEvent) throws -> LogEntry {
    try #require(event.status).entry(like: LinePipeline.Configuration())
  }

  @Test(arguments: [
    ("create", "", "Created", "successful"), ("start", "", "Up", "successful"), ("stop", "", "Stopped", "successful"),
    ("restart", "", "Up", "successful"), ("destroy", "", "Removed", "successful"),
    ("die", ",\"exitCode\":\"0\"", "Exited (0)", "successful"),
    ("die", ",\"exitCode\":\"3\"", "Exited (3)", "failed: exit code 3"), ("oom", "", "", "failed: out of memory"),
    ("health_status: healthy", "", "Up (healthy)", "successful"),
    ("health_status: unhealthy", "", "Up (unhealthy)", "failed: unhealthy"),
  ]) func `an action becomes an entry`(
    _ action: String, _ attributes: String, _ status: String, _ outcome: String
  ) throws {
    let entry = try Self.entry(Self.event(action, attributes))
    let name = String(action.prefix { $0 != ":" })
    #expect(entry.text == "--- Container \(name) action \(outcome) ---")
    #expect(entry.kind == .status)
    #expect(entry.time == 1_700_000_000_000_000_007)
    #expect(entry.attributes["container.id"] == "4f5e")
    #expect(entry.attributes["action"] == .string(name))
    #expect(entry.attributes["status"] == (status.isEmpty ? nil : .string(status)))
    #expect(entry.attributes["success"] == .boolean(outcome == "successful"))
    #expect((entry.attributes["error"] == nil) == (outcome == "successful"))
    #expect(entry.severity == (outcome == "successful" ? .info : .error))
  }

  @Test func `an error without words is unknown`() {
    let status = DockerStatus(id: "a", action: "start", time: 1, error: "")
    let entry = status.entry(like: LinePipeline.Configuration())
    #expect(entry.text == "--- Container start action failed: Unknown error ---")
    #expect(entry.attributes["error"] == "Unknown error")
  }

  @Test func `Podman's names and whole seconds are understood`() throws {
    let line = """
      {"status":"died","id":"4f5e","Type":"container","Action":"died","Actor":{"ID":"4f5e","Attributes":{"name":"web",\
      "containerExitCode":"1","image":"x"}},"time":1700000000}
      """
    let event = try #require(DockerEvent(Array(line.utf8)[...]))
    #expect(event.status?.action == "die")
    #expect(event.status?.exitCode == 1)
    #expect(event.time == 1_700_000_000_000_000_000)
    #expect(try Self.event("exec_start: ls").status == nil)
    #expect(try Self.event("remove").destroys)
  }

  @Test func `the first entry tells of the container`() throws {
    let event = try Self.event(
      "start", ",\"com.docker.compose.project\":\"shop\",\"com.docker.compose.service\":\"api\",\"exitCode\":\"0\"")
    let entry = try #require(event.status).entry(like: LinePipeline.Configuration(), about: event.container)
    #expect(entry.attributes["container.name"] == "web")
    #expect(entry.attributes["container.image.name"] == "tiny:1")
    #expect(entry.attributes["compose.project"] == "shop")
    #expect(entry.attributes["compose.service"] == "api")
    #expect(
      entry.attributes["container.labels"]
        == .map([
          LogAttribute("com.docker.compose.project", "shop"), LogAttribute("com.docker.compose.service", "api"),
        ]))
  }

  @Test func `containers are chosen by name, image and labels`() {
    var container = DockerContainer(id: "4f5e", name: "/shop-api-1", image: "registry/api:2")
    container.labels = [LogAttribute("tier", "front"), LogAttribute("logs", "")]
    var wanted = DockerSourceConfiguration(name: "docker", lines: LinePipeline.Configuration())
    #expect(container.isSelected(by: wanted))
    wanted.names = ["other", "shop-*-?"]
    #expect(container.isSelected(by: wanted))
    wanted.images = ["*/api:*"]
    #expect(container.isSelected(by: wanted))
    wanted.labels = ["tier=front", "logs"]
    #expect(container.isSelected(by: wanted))
    wanted.labels = ["tier=back"]
    #expect(!container.isSelected(by: wanted))
    wanted.labels = ["none"]
    #expect(!container.isSelected(by: wanted))
    wanted.labels = []
    wanted.names = ["shop-api"]
    #expect(!container.isSelected(by: wanted))
  }

  @Test func `streams are named by words of the container`() throws {
    var container = DockerContainer(id: "0123456789abcdef", name: "/web", image: "docker.io/a b:1")
    let template = try StreamTemplate(
      "{project}/{service}/{image}/{id}", words: DockerSourceConfiguration.streamWords)
    #expect(template.stream { container.word($0) }.text == "web/web/docker.io/a_b:1/0123456789ab")
    container.labels = [
      LogAttribute("com.docker.compose.project", "shop"), LogAttribute("com.docker.compose.service", "api"),
    ]
    #expect(template.stream { container.word($0) }.text == "shop/api/docker.io/a_b:1/0123456789ab")
    #expect(StreamTemplate.docker.stream { container.word($0) }.text == "docker/web")
  }

  @Test func `addresses are written as for DOCKER_HOST`() throws {
    #expect(try DockerAddress.parse("unix:///var/run/docker.sock") == .unix(path: "/var/run/docker.sock"))
    #expect(try DockerAddress.parse("tcp://host") == .tcp(host: "host", port: 2375))
    #expect(try DockerAddress.parse("tcp://[::1]:5647") == .tcp(host: "::1", port: 5647))
    for text in ["host:1", "ssh://host", "unix://socket", "tcp://"] {
      #expect(throws: DockerFailure.self) { try DockerAddress.parse(text) }
    }
  }
}
