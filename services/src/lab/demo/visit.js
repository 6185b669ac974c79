// Fetches a page over one connection: node -e PROGRAM ROOTS ADDRESS PORT SOURCE HOST VERSION. Exit status 0 with the page
// on standard output, or 1 with the error on standard error.

const fs = require("fs");
const https = require("https");

const [roots, address, port, source, host, version] = process.argv.slice(1);
const options = {
    host: address,
    port,
    localAddress: source,
    servername: host,
    headers: { host },
    ca: fs.readFileSync(roots),
    minVersion: `TLSv${version}`,
    maxVersion: `TLSv${version}`,
    agent: false,
    timeout: 20000,
};
const request = https.get(options, (response) => response.pipe(process.stdout));
request.on("timeout", () => request.destroy(new Error("timeout")));
request.on("error", (error) => {
    console.error(`${error.code}: ${error.message}`);
    process.exitCode = 1;
});
