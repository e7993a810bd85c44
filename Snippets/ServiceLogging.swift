// Log before there is a client, stream once there is one, and lose no line at the end.
import LogsClient

// The outlet keeps the first lines; stderr gets every line at once, as before.
let outlet = LogOutlet()
var logger = StreamLogger(source: "service", to: outlet, passthrough: StreamLogger.standardError)
logger.context["version"] = "1.4.2"
logger.info("starting")

let client = try LogClient(LogClientConfiguration(servers: ["logs://127.0.0.1:5647"], name: "snippet"))
let producer = try LogProducer(client, stream: "service")
outlet.bind(to: producer)

for job in 1...3 { logger.info("job done", ["job": job, "ms": 12]) }
logger.debug("below info, so this text is not even made")

// The last line is on disk when this returns true; without a server it gives up after ten seconds.
logger.notice("ending")
let isComplete = await producer.shutdown(deadline: .seconds(10))
if !isComplete { print("not streamed: \(producer.counts.dropped) entries") }
await client.shutdown()
