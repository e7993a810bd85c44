"""usage: tls_scan.py FILE
Judges what sslyze has found (--json_out) of one server: old versions, ciphers without forward secrecy or authenticated encryption,
and known holes. Ends with 1 if there is any."""

import json
import sys

OLD = ["ssl_2_0", "ssl_3_0", "tls_1_0", "tls_1_1"]


def names(result):
    return [suite["cipher_suite"]["name"] for suite in result["accepted_cipher_suites"]]


def main():
    scan = json.load(open(sys.argv[1]))["server_scan_results"][0]
    if scan["scan_status"] != "COMPLETED":
        sys.exit(f"tls_scan: the scan is {scan['scan_status']}: {scan['connectivity_error_trace']}")
    results = {key: part["result"] for key, part in scan["scan_result"].items() if part["status"] == "COMPLETED"}
    missing = [key for key, part in scan["scan_result"].items() if part["status"] == "ERROR"]
    if missing:
        sys.exit(f"tls_scan: no result of {', '.join(missing)}")
    faults = [f"{version} is accepted" for version in OLD if names(results[f"{version}_cipher_suites"])]
    accepted = {version: names(results[f"{version}_cipher_suites"]) for version in ["tls_1_2", "tls_1_3"]}
    for name in accepted["tls_1_2"]:
        if not name.startswith("TLS_ECDHE_") or not ("GCM" in name or "CHACHA20" in name):
            faults.append(f"the cipher {name} is accepted")
    for fault, is_so in {
        "nothing of TLS 1.2 is accepted": not accepted["tls_1_2"],
        "nothing of TLS 1.3 is accepted": not accepted["tls_1_3"],
        "it compresses": results["tls_compression"]["supports_compression"],
        "Heartbleed": results["heartbleed"]["is_vulnerable_to_heartbleed"],
        "CCS injection": results["openssl_ccs_injection"]["is_vulnerable_to_ccs_injection"],
        "ROBOT": not results["robot"]["robot_result"].startswith("NOT_VULNERABLE"),
        "clients can renegotiate without end": results["session_renegotiation"]["is_vulnerable_to_client_renegotiation_dos"],
        "no secure renegotiation": not results["session_renegotiation"]["supports_secure_renegotiation"],
        "no TLS_FALLBACK_SCSV": not results["tls_fallback_scsv"]["supports_fallback_scsv"],
        "no extended master secret": results["tls_extended_master_secret"]["supports_ems_extension"] is False,
        "early data, which can be replayed": results["tls_1_3_early_data"]["supports_early_data"],
    }.items():
        if is_so:
            faults.append(fault)
    port = scan["server_location"]["port"]
    print(f"sslyze, port {port}: {len(accepted['tls_1_2'])} ciphers of TLS 1.2, {len(accepted['tls_1_3'])} of TLS 1.3, "
          f"{len(faults)} faults")
    for name in accepted["tls_1_2"] + accepted["tls_1_3"]:
        print(f"  {name}")
    if faults:
        sys.exit("tls_scan: " + "; ".join(faults))


main()
