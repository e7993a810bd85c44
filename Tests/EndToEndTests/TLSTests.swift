import Foundation
import LogsClient
import Testing

/// `logsd` and `logs` over TLS, with certificates of a CA of their own.
@Suite(.ownThread) struct TLSTests {
  @Test func `push, follow and query work over TLS`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene, transport: .tls)
      let follower = try server.start(["follow", "web", "-n", "all", "-o", "raw", "--limit", "2000"])
      let lines = (1...2000).map { "line \($0) \(String(repeating: "x", count: $0 % 300))" }
      let text = Array((lines.joined(separator: "\n") + "\n").utf8)
      try expectSuccess(server.run(["push", "web"], input: .file(scene.file("text", text))))
      #expect(try follower.wait() == .code(0))
      #expect(follower.output.bytes == text)
      #expect(try server.run(["query", "web", "--count", "--", "line"]).lines.first?.contains("2000") == true)
      // A name of the certificate does as well as its address.
      let named = server.url.replacingOccurrences(of: "127.0.0.1", with: "localhost")
      try expectSuccess(server.run(["streams"], via: named))
    }
  }

  /// What is wrong, and a part of the sentence that says so.
  @Test func `a certificate that is not accepted is named, with what is wrong`() throws {
    try Scene.play { scene in
      let ours = try TestCertificates(scene)
      let foreign = try TestCertificates(scene, name: "foreign")
      func refusal(_ flags: [String], trusting authority: String) throws -> String {
        let data = scene.path("data-\(UUID())")
        let process = try scene.start(
          Binaries.logsd, ["--data", data, "--listen", "none", "--listen-tls", "127.0.0.1:0"] + flags)
        try process.output.waitForLines(1)
        let url = String(process.output.lines[0].dropFirst("ready ".count))
        let asked = try scene.run(Binaries.logs, ["streams", "--server", url, "--ca-cert", authority])
        #expect(asked.exit == .code(3))
        #expect(asked.errorLines.count == 1)
        process.signal(SIGTERM)
        #expect(try process.wait() == .code(0))
        return asked.errors
      }
      let names = "DNS:localhost,IP:127.0.0.1"
      #expect(
        try refusal(ours.serverFlags("expired", names, days: -1), trusting: ours.authority)
          .contains("the certificate of the server (CN=expired) expired at "))
      #expect(
        try refusal(ours.serverFlags("other", "DNS:other.example"), trusting: ours.authority)
          .contains("(CN=other) is for other.example, not for 127.0.0.1; connect by a name that it is for"))
      #expect(
        try refusal(foreign.serverFlags("stranger", names), trusting: ours.authority)
          .contains("(CN=stranger) was issued by CN=foreign, which is not trusted here; give the certificate of its CA")
      )
    }
  }

  @Test func `plain text to a port with TLS and the reverse say what to write`() throws {
    try Scene.play { scene in
      let tls = try TestServer(scene, transport: .tls, name: "tls")
      let plain = try TestServer(scene, transport: .tcp, name: "plain")
      let toTLS = try tls.run(["streams"], via: tls.url.replacingOccurrences(of: "logs+tls", with: "logs"))
      #expect(toTLS.exit == .code(3))
      #expect(toTLS.errors.contains("this port speaks TLS; connect with logs+tls://"))
      let toPlain = try tls.run(["streams"], via: plain.url.replacingOccurrences(of: "logs", with: "logs+tls"))
      #expect(toPlain.exit == .code(3))
      #expect(toPlain.errors.contains("the server does not speak TLS there; write logs:// or another port"))
      try plain.process.errors.waitForText("the other side speaks TLS there: connect with logs+tls://")
      try tls.process.errors.waitForText("the client spoke plain text")
      let line = tls.process.errors.lines.first { $0.contains("spoke plain text") } ?? ""
      #expect(line.components(separatedBy: "127.0.0.1:").count == 2, "\(line)")
    }
  }

  @Test func `with a client CA nobody comes in without a certificate of it`() throws {
    try Scene.play { scene in
      let certificates = try TestCertificates(scene, name: "clients")
      let foreign = try TestCertificates(scene, name: "foreign")
      let server = try TestServer(scene, ["--tls-client-ca", certificates.authority], transport: .tls)
      let bare = try server.run(["streams"])
      #expect(bare.exit == .code(3))
      #expect(bare.errors.contains("the server wants a client certificate; give one with --cert and --key"))
      try server.process.errors.waitForText("the client has no certificate, and --tls-client-ca wants one")
      let known = try certificates.make("known", "DNS:client")
      try expectSuccess(server.run(["streams", "--cert", known.certificate, "--key", known.key]))
      let stranger = try foreign.make("stranger", "DNS:client")
      let refused = try server.run(["streams", "--cert", stranger.certificate, "--key", stranger.key])
      #expect(refused.exit == .code(3))
      #expect(refused.errors.contains("does not trust the CA of this side's certificate"))
      let mixed = try server.run(["streams", "--cert", known.certificate, "--key", stranger.key])
      #expect(mixed.errors.contains("does not belong to the certificate"))
      let alone = try server.run(["streams", "--cert", known.certificate])
      #expect(alone.errors.contains("a certificate needs a key (--key)"))
    }
  }

  @Test func `SIGHUP has the certificate read again, and a broken one changes nothing`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene, transport: .tls)
      let follower = try server.start(["follow", "web", "-o", "raw", "--limit", "2"])
      try expectSuccess(server.run(["push", "web"], input: .file(scene.file("one", "one\n".utf8))))
      try follower.output.waitForLines(1)
      let pair = try TestCertificates(scene, name: "next").make("renewed", "DNS:localhost,IP:127.0.0.1")
      try scene.file("localhost.key", "nothing".utf8)
      server.process.signal(SIGHUP)
      try server.process.errors.waitForText("the certificate in use stays")
      try expectSuccess(server.run(["streams"]))
      try scene.file("localhost.key", Data(contentsOf: URL(fileURLWithPath: pair.key)))
      try scene.file("localhost.pem", Data(contentsOf: URL(fileURLWithPath: pair.certificate)))
      server.process.signal(SIGHUP)
      try server.process.errors.waitForText("the certificate was read again")
      // Those of the old CA do not know it; the connection that was there goes on.
      #expect(try server.run(["streams"]).exit == .code(3))
      let pushed = try server.run(
        ["push", "web", "--ca-cert", scene.path("next.pem")], input: .file(scene.file("two", "two\n".utf8)))
      #expect(pushed.exit == .code(0), "\(pushed.errors)")
      #expect(try follower.wait() == .code(0))
      #expect(follower.output.text == "one\ntwo\n")
    }
  }

  @Test func `handshakes that stop half-way are cut off, and hold nobody up`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene, ["--handshake-timeout", "500ms"], transport: .tls)
      let port = UInt16(server.url.split(separator: ":").last ?? "") ?? 0
      // The beginning of a ClientHello, and nothing at all.
      let silent = try (0..<100).map { number in
        let descriptor = try Sockets.connect(port: port)
        if number % 2 == 0 { #expect(send(descriptor, [22, 3, 1, 2, 0, 1] as [UInt8], 6, 0) == 6) }
        return descriptor
      }
      defer { for descriptor in silent { close(descriptor) } }
      try expectSuccess(server.run(["push", "web"], input: .file(scene.file("one", "one\n".utf8))))
      for descriptor in silent {
        var buffer = [UInt8](repeating: 0, count: 1_024)
        while recv(descriptor, &buffer, buffer.count, 0) > 0 {}
      }
      #expect(try server.stored("web") == Array("one\n".utf8))
    }
  }

  @Test func `a certificate that has expired or soon will is reported at the start, and a fresh one is not`() throws {
    try Scene.play { scene in
      let certificates = try TestCertificates(scene)
      for (name, days, words) in [("old", -1, "expired on"), ("young", 13, "expires in "), ("new", 15, nil)] {
        let flags = try certificates.serverFlags(name, "DNS:localhost", days: days)
        let server = try scene.start(
          Binaries.logsd,
          ["--data", scene.path("data-\(name)"), "--listen", "none", "--listen-tls", "127.0.0.1:0"] + flags)
        try server.output.waitForLines(1)
        server.signal(SIGTERM)
        #expect(try server.wait() == .code(0))
        let said = server.errors.lines.filter { $0.contains("\(name).pem") }
        #expect(said.count == (words == nil ? 0 : 1) && said.allSatisfy { $0.contains(words ?? "") }, "\(said)")
      }
    }
  }

  @Test func `files that are none are named, with the flags and without the words of a library`() throws {
    try Scene.play { scene in
      let junk = try scene.file("junk", "junk\n".utf8)
      let pair = try TestCertificates(scene).make("server", "DNS:localhost")
      let (certificate, key) = (["--tls-cert", pair.certificate], ["--tls-key", pair.key])
      for (flags, words) in [
        ([], "TLS needs a certificate and its key; give both with --tls-cert and --tls-key"),
        (certificate, "server.pem alone is not enough: a certificate needs a key (--tls-key)"),
        (["--tls-cert", junk] + key, "junk is no certificate in PEM form"),
        (certificate + ["--tls-key", junk], "junk is no private key in PEM form without a passphrase"),
        (certificate + key + ["--tls-client-ca", junk], "junk holds no CA certificate in PEM form"),
      ] {
        let refused = try scene.run(
          Binaries.logsd, ["--data", scene.path("data"), "--listen", "none", "--listen-tls", "127.0.0.1:0"] + flags)
        #expect(refused.exit == .code(1) && refused.errorLines.count == 1, "\(refused.errors)")
        #expect(refused.errorLines.first?.hasSuffix(words) == true, "\(refused.errors)")
      }
    }
  }

  @Test func `a key with a passphrase is an error, and nobody is asked for it`() throws {
    try Scene.play { scene in
      let pair = try TestCertificates(scene).make("server", "DNS:localhost")
      let locked = scene.path("locked.key")
      let words = ["pkey", "-in", pair.key, "-aes256", "-passout", "pass:secret", "-out", locked]
      try expectSuccess(scene.run("/usr/bin/openssl", words))
      let refused = try scene.run(
        Binaries.logsd,
        [
          "--data", scene.path("data"), "--listen", "none", "--listen-tls", "127.0.0.1:0", "--tls-cert",
          pair.certificate, "--tls-key", locked,
        ])
      #expect(refused.exit == .code(1))
      #expect(refused.errorLines.count == 1, "\(refused.errors)")
      #expect(refused.errors.contains("locked.key is no private key in PEM form without a passphrase"))
    }
  }
}
