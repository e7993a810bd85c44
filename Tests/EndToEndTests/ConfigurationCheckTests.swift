import Foundation
import Glibc
import Testing

/// `logsd config check` reports all that is wrong, a line each.
@Suite(.ownThread) struct ConfigurationCheckTests {
  private static func check(_ scene: Scene, _ text: String, _ flags: [String] = []) throws -> Finished {
    let path = try scene.file("logsd.conf", "data = \(scene.path("data"))\n\(text)".utf8)
    return try scene.run(Binaries.logsd, ["config", "check", "--config", path] + flags)
  }

  @Test func `every line that is wrong is reported, with its setting and what to write`() throws {
    try Scene.play { scene in
      let text = """
        heartbeat = soon
        listne = 127.0.0.1:0
        streams = 5
        streams = 6
        retention = web: 1
        retention = a/*: 7d
        what is this
        cert-allow = web: read:a
        """
      let finished = try Self.check(scene, text, ["--connections", "0"])
      #expect(finished.exit == .code(2) && finished.output.isEmpty)
      let path = scene.path("logsd.conf")
      let expected = [
        "\(path):2: heartbeat: 'soon' is no time span; write it like",
        "\(path):3: there is no setting 'listne'; did you mean listen?",
        "\(path):5: 'streams' comes twice; remove one",
        "\(path):6: retention: '1' is not an age of",
        "\(path):8: 'what is this' is not of the form 'name = value'",
        "--connections: '0' is no number from 1",
        "\(path):9: cert-allow has no effect without a client CA",
      ]
      #expect(finished.errorLines.count == expected.count, "\(finished.errors)")
      for (line, beginning) in zip(finished.errorLines, expected) {
        #expect(line.hasPrefix("logsd: \(beginning)"), "\(line)")
      }
    }
  }

  @Test func `an archive in the data directory is refused by a check and by a start`() throws {
    try Scene.play { scene in
      let text = "archive = \(scene.path("data"))/archive\n"
      let finished = try Self.check(scene, text)
      let line = "logsd: \(scene.path("logsd.conf")):2: archive: \(scene.path("data"))/archive is in the data directory"
      #expect(finished.exit == .code(2) && finished.errors.hasPrefix(line), "\(finished.errors)")
      let start = try scene.run(Binaries.logsd, ["--config", scene.path("logsd.conf")])
      #expect(start.exit == .code(2) && start.errors.hasPrefix(line), "\(start.errors)")
      #expect(access(scene.path("data"), F_OK) != 0)
    }
  }

  @Test func `a place that takes no archive, or no data, is refused by a check and by a start`() throws {
    try Scene.play { scene in
      let path = scene.path("logsd.conf")
      let file = try scene.file("file", [])
      for (archive, words) in [
        (file, "\(file) is no directory; name one"),
        ("/proc/archive", "/proc/archive is in a file system of the kernel"),
        ("/etc", "/etc is not empty and is no archive"),
      ] {
        let checked = try Self.check(scene, "archive = \(archive)\n")
        let start = try scene.run(Binaries.logsd, ["--config", path])
        for finished in [checked, start] {
          #expect(finished.exit == .code(2) && finished.errorLines.count == 1, "\(finished.errors)")
          #expect(finished.errors.hasPrefix("logsd: \(path):2: archive: \(archive) "), "\(finished.errors)")
          #expect(finished.errors.contains(words), "\(finished.errors)")
        }
      }
      for (data, words) in [
        (file, "\(file) is no directory; name one"),
        (scene.path("no/such"), "\(scene.path("no")) does not exist; mount"),
      ] {
        let checked = try scene.run(Binaries.logsd, ["config", "check", "--data", data])
        #expect(checked.exit == .code(2) && checked.errors.hasPrefix("logsd: --data: "), "\(checked.errors)")
        let start = try scene.run(Binaries.logsd, ["--data", data, "--listen", "127.0.0.1:0"])
        #expect(start.exit == .code(1), "\(start.errors)")
        for finished in [checked, start] { #expect(finished.errors.contains(words), "\(finished.errors)") }
      }
      #expect(access(scene.path("data"), F_OK) != 0)
    }
  }

  @Test func `a server starts where the archive's disk may come later, and says so like a check`() throws {
    try Scene.play { scene in
      let archive = scene.path("disk/archive")
      let words = "archive: \(archive) cannot be made, since \(scene.path("disk")) does not exist; mount its disk"
      let checked = try Self.check(scene, "archive = \(archive)\n")
      #expect(checked.exit == .code(0) && checked.errors.contains(words), "\(checked.errors)")
      let server = try TestServer(scene, ["--config", scene.path("logsd.conf"), "--segment-age", "10m"])
      try server.process.errors.waitForText(words)
      try server.wait(for: "archive_failing") { $0 == 1 }
      try expectSuccess(server.run(["push", "web", scene.file("lines", "a\nb\n".utf8)]))
      try FileManager.default.createDirectory(atPath: scene.path("disk"), withIntermediateDirectories: false)
      try expectSuccess(scene.run(Binaries.logsd, ["seal", "--data", server.data]))
      try server.wait(for: "archive_failing") { $0 == 0 }
      try server.wait(for: "archived_through_segment") { $0 >= 1 }
    }
  }

  @Test func `a server starts without the archive that it had`() throws {
    try Scene.play { scene in
      let disk = scene.path("disk")
      try FileManager.default.createDirectory(atPath: disk, withIntermediateDirectories: false)
      let server = try TestServer(scene, ["--archive", "\(disk)/archive", "--upkeep-cpu", "0"])
      try expectSuccess(server.run(["push", "web", scene.file("lines", "a\nb\n".utf8)]))
      try expectSuccess(scene.run(Binaries.logsd, ["seal", "--data", server.data]))
      try server.wait(for: "archived_through_segment") { $0 >= 1 }
      #expect(try server.stop() == .code(0))
      try FileManager.default.moveItem(atPath: disk, toPath: scene.path("away"))
      try server.restart()
      try server.process.errors.waitForText("nothing is archived: \(disk)/archive is missing, but it had the segments")
      try FileManager.default.moveItem(atPath: scene.path("away"), toPath: disk)
      try server.wait(for: "archive_failing") { $0 == 0 }
    }
  }

  @Test func `what would be open to others is reported with the setting that opens it`() throws {
    try Scene.play { scene in
      let path = scene.path("logsd.conf")
      let open = "listen = 0.0.0.0:0\nlisten-http = 0.0.0.0:0\n"
      let finished = try Self.check(scene, open)
      #expect(finished.exit == .code(2) && finished.errorLines.count == 4, "\(finished.errors)")
      for beginning in [
        "\(path):2: listen: logs://0.0.0.0:0 would take connections of other machines without TLS; use --listen-tls",
        "\(path):2: listen: logs://0.0.0.0:0 would let everybody on other machines append and read; make a token",
        "\(path):3: listen-http: http://0.0.0.0:0 would take connections of other machines without TLS; use",
      ] { #expect(finished.errors.contains("logsd: \(beginning)"), "\(finished.errors)") }
      let allowed = try Self.check(scene, open + "insecure-plain = yes\ninsecure-open = yes\n")
      #expect(allowed.exit == .code(0) && allowed.errorLines.count == 4, "\(allowed.errors)")
      #expect(allowed.errorLines.allSatisfy { $0.hasPrefix("logsd: warn \(path):") }, "\(allowed.errors)")
      // Nothing was made.
      #expect(access(scene.path("data"), F_OK) != 0)
    }
  }

  @Test func `where tokens cannot be seen, nobody says that there are none`() throws {
    try Scene.play { scene in
      let open = ["--listen", "0.0.0.0:0", "--insecure-plain"]
      let path = try scene.file("logsd.conf", "listen = 0.0.0.0:0\ninsecure-plain = yes\n".utf8)
      // The shell stands where there is no directory of the default name.
      let words = [
        "-c", #"cd "$0" && exec "$@""#, scene.directory, Binaries.logsd, "config", "check", "--config", path,
      ]
      let unknown = try scene.run("/bin/sh", words)
      #expect(unknown.exit == .code(0) && unknown.errors.contains("which data directory the server has is not set"))
      _ = try scene.makeToken("web", ["read:**"], data: scene.path("data"))
      let known = try scene.run(Binaries.logsd, ["config", "check", "--data", scene.path("data")] + open)
      #expect(known.exit == .code(0) && known.errorLines.count == 1, "\(known.errors)")
      // A file that would give rights to others is as wrong here as at a start.
      chmod("\(scene.path("data"))/tokens", 0o666)
      let wrong = try scene.run(Binaries.logsd, ["config", "check", "--data", scene.path("data")] + open)
      #expect(wrong.exit == .code(2) && wrong.errors.contains("--data: others can write to"), "\(wrong.errors)")
    }
  }

  @Test func `certificates are read`() throws {
    try Scene.play { scene in
      let certificates = try TestCertificates(scene)
      let (good, other) = (try certificates.make("good", "DNS:a", days: 30), try certificates.make("other", "DNS:b"))
      let old = try certificates.make("old", "DNS:c", days: -1)
      func check(_ certificate: String, _ key: String) throws -> Finished {
        try Self.check(scene, "listen-tls = 127.0.0.1:0\ntls-cert = \(certificate)\ntls-key = \(key)\n")
      }
      let path = scene.path("logsd.conf")
      let right = try check(good.certificate, good.key)
      #expect(right.exit == .code(0) && right.errors.isEmpty, "\(right.errors)")
      for (certificate, key, reason) in [
        (good.certificate, other.key, "the key \(other.key) does not belong to the certificate \(good.certificate)"),
        (scene.path("none"), good.key, "cannot read \(scene.path("none")): no such file"),
        (good.key, good.key, "\(good.key) is no certificate in PEM form"),
      ] {
        let wrong = try check(certificate, key)
        #expect(wrong.exit == .code(2), "\(wrong.errors)")
        #expect(wrong.errors.hasPrefix("logsd: \(path):3: tls-cert: \(reason)"), "\(wrong.errors)")
      }
      let missing = try Self.check(scene, "listen-tls = 127.0.0.1:0\n")
      #expect(missing.exit == .code(2) && missing.errors.contains("\(path):2: listen-tls: TLS needs a certificate"))
      // A start takes them, too: those who need no TLS are served.
      let expired = try check(old.certificate, old.key)
      #expect(expired.exit == .code(0) && expired.errors.contains("warn \(path):3: tls-cert: the certificate"))
      #expect(expired.errors.contains("expired on"), "\(expired.errors)")
      #expect(try check(other.certificate, other.key).errors.contains("expires in"))
    }
  }

  @Test func `a rule or a setting that never counts is reported by check, start and reload`() throws {
    try Scene.play { scene in
      let text = """
        listen = 127.0.0.1:0
        retention = docker/**: 7d
        retention = docker/a/*: 1d; ci/*: 2d
        archive-retention-age = 9d

        """
      let path = scene.path("logsd.conf")
      let remark =
        "warn \(path):4: retention: the rule for 'docker/a/*' never counts, since 'docker/**' before it matches all "
        + "its streams; write it before that one"
      let finished = try Self.check(scene, text)
      let useless =
        "warn \(path):5: archive-retention-age has no effect without archive; set that, too, or take this away"
      let lines = [remark, useless].map { "logsd: \($0)" }
      #expect(finished.exit == .code(0) && finished.errorLines == lines, "\(finished.errors)")
      let server = try TestServer(scene, ["--config", path])
      for line in [remark, useless] { try server.process.errors.waitForText(line) }
      let reload = try scene.run(Binaries.logsd, ["reload", "--data", server.data])
      #expect(reload.exit == .code(0), "\(reload.errors)")
      for line in [remark, useless] { #expect(reload.errors.contains(line), "\(reload.errors)") }
    }
  }
}
