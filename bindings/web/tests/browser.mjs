// The package in headless Chromium: its digests on the CPU and on WebGPU (SwiftShader, which comes with Chromium) are those of a
// native program, and the demo classifies a picture.
//
//   node tests/browser.mjs DIGEST [SCREENSHOT]
//
// DIGEST is what `lq-infer examples/ship.png --logits` calls so. CHROMIUM names the browser's program.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { chromium } from "playwright-core";

const [expected, screenshot] = process.argv.slice(2);
assert.match(expected ?? "", /^[0-9a-f]{64}$/, "the native digest of examples/ship.png must be given");
const root = fileURLToPath(new URL("../../..", import.meta.url));
const types = { ".html": "text/html", ".js": "text/javascript", ".wasm": "application/wasm", ".png": "image/png" };

const server = createServer(async (request, response) => {
    try {
        const { pathname } = new URL(request.url, "http://localhost");
        if (pathname === "/") return response.writeHead(200, { "content-type": "text/html" }).end("<!doctype html><p>tests");
        const path = normalize(join(root, decodeURIComponent(pathname)));
        const bytes = path.startsWith(root) ? await readFile(path) : null;
        response.writeHead(bytes ? 200 : 403, { "content-type": types[extname(path)] ?? "application/octet-stream" });
        response.end(bytes);
    } catch {
        response.writeHead(404).end();
    }
});
await new Promise(resolve => server.listen(0, "127.0.0.1", resolve));
const site = `http://127.0.0.1:${server.address().port}/`;

const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"],
    // Playwright's own, without which there is no WebGPU.
    ignoreDefaultArgs: ["--disable-gpu"],
});

/** Runs in the page: everything on one device. */
async function use(device) {
    const { default: init, Engine, Model } = await import("/bindings/web/pkg/lq_infer_web.js");
    const times = {};
    const timed = async (name, work) => {
        const begin = performance.now();
        const result = await work();
        times[name] = performance.now() - begin;
        return result;
    };
    const thrown = async work => {
        try {
            await work();
        } catch (error) {
            return [error.name, error.kind];
        }
        return "nothing was thrown";
    };
    await timed("load", () => init());
    const model = Model.bundled();
    const engine = await timed("open", () => Engine.create(device));
    const net = await timed("prepare", () => engine.prepare(model, { maxBatch: 4, verify: false }));
    const ship = new Uint8Array(await (await fetch("/examples/ship.png")).arrayBuffer());
    const found = await timed("first", () => net.classify(ship, { topK: 3 }));
    await timed("ten", async () => { for (let k = 0; k < 10; k++) await net.classify(ship); });

    // The same picture as a page has it.
    const bitmap = await createImageBitmap(new Blob([ship]));
    const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d");
    context.drawImage(bitmap, 0, 0);
    const drawn = await net.classify(context.getImageData(0, 0, bitmap.width, bitmap.height));

    // More images than a batch, all calls at once; the first image of each is the same.
    const [height, width, channels] = model.inputShape;
    const pixels = Uint8Array.from({ length: 7 * height * width * channels }, (_, k) => k * 7919 % 256);
    const image = pixels.subarray(0, height * width * channels);
    const all = await Promise.all([net.logits(pixels), net.logits(image), net.digest(image), net.digest(pixels)]);
    const copy = Model.fromBytes(new Uint8Array(await (await fetch("/models/resnet20-cifar10-w2a2.safetensors")).arrayBuffer()));
    return {
        times, device: net.deviceName, name: copy.name, labels: copy.labels.length,
        top: found.top, digests: [found.digest, drawn.digest], golden: await net.verify(),
        lengths: [all[0].length, all[0][0].length],
        same: all[0][0].every((logit, k) => logit === all[1][0][k]), batches: all.slice(2),
        errors: [
            await thrown(() => Engine.create("gpu")),
            await thrown(() => Model.fromBytes(new Uint8Array(9), "nine")),
            await thrown(() => net.classify(new Uint8Array(9))),
            await thrown(() => net.classify("ship.png")),
            await thrown(() => net.logits(new Uint8Array(9))),
            await thrown(() => engine.prepare(model, { maxBatch: -1 })),
        ],
    };
}

try {
    const page = await browser.newPage();
    page.on("console", message => console.log(`console: ${message.text()}`));
    page.on("pageerror", error => console.log(`page: ${error}`));
    await page.goto(site);
    const results = {};
    for (const device of (process.env.LQ_INFER_WEB_DEVICES ?? "cpu webgpu").split(" ")) {
        const result = await page.evaluate(use, device);
        results[device] = result;
        console.log(device, JSON.stringify(result.times), result.device, result.digests[0]);
        assert.equal(result.top[0].label, "ship");
        assert.deepEqual(result.digests, [expected, expected]);
        assert.equal(result.golden.length, 2);
        assert.ok(result.golden.every(report => report.holds && report.found === report.expected), JSON.stringify(result.golden));
        assert.deepEqual([result.lengths, result.same, result.labels], [[7, 10], true, 10]);
        const kinds = ["usage", "bad-model", "bad-input", "usage", "usage", "usage"];
        assert.deepEqual(result.errors, kinds.map(kind => ["LqInferError", kind]));
    }
    const digests = Object.values(results).map(result => result.batches.join());
    assert.equal(new Set(digests).size, 1, `batches differ: ${digests}`);

    await page.goto(`${site}bindings/web/demo/index.html`);
    await page.waitForFunction(() => document.getElementById("status").textContent.startsWith("Ready"));
    await page.setInputFiles("#file", join(root, "examples/ship.png"));
    await page.waitForFunction(digest => document.getElementById("digest").textContent.endsWith(digest), expected);
    assert.match(await page.textContent("#top li"), /^100\.0 % ship$/);
    if (screenshot) await page.screenshot({ path: screenshot });

    const wasm = await readFile(join(root, "bindings/web/pkg/lq_infer_web_bg.wasm"));
    console.log(`wasm: ${wasm.length} bytes, ${gzipSync(wasm).length} gzipped`);
} finally {
    await browser.close();
    server.close();
}
