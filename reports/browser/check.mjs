// Opens a report's page in Chromium and looks at it as people do.
//
// The one idea: what a test of the text cannot see: that the page's policy lets its own style and
// script work, that nothing is fetched, nothing is wider than the window, every text can be read
// against its ground, and that keys and filters do what they say, with script and without.
//
//   node check.mjs REPORT.html [--shots DIR] [--within MS]
//
// The browser is $CHROMIUM, or `chromium` on the path. --within: the fastest of several loads must be
// done in so many milliseconds. Exit code 1 and a line each for what is wrong.

import { existsSync, mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';

const [file, ...options] = process.argv.slice(2);
const option = (name) => (options.includes(name) ? options[options.indexOf(name) + 1] : undefined);
if (!file) {
  console.error('usage: node check.mjs REPORT.html [--shots DIR] [--within MS]');
  process.exit(2);
}
const address = pathToFileURL(resolve(file)).href;
const shots = option('--shots');
if (shots) mkdirSync(shots, { recursive: true });

const wrong = [];
const must = (fact, said) => { if (!fact) wrong.push(said); };

const which = (name) => (process.env.PATH ?? '').split(':').map((folder) => `${folder}/${name}`);
const executablePath = process.env.CHROMIUM
  ?? [...which('chromium'), ...which('chromium-browser'), ...which('google-chrome')].find(existsSync);
if (!executablePath) {
  console.error('no browser: set CHROMIUM to one, or install the package chromium');
  process.exit(2);
}
const browser = await chromium.launch({
  executablePath,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});

/** A page that tells whatever goes wrong on it. */
async function open(name, settings) {
  const context = await browser.newContext(settings);
  const page = await context.newPage();
  page.on('console', (said) => wrong.push(`${name}: console ${said.type()}: ${said.text()}`));
  page.on('pageerror', (error) => wrong.push(`${name}: ${error}`));
  page.on('request', (request) => must(request.url().split('#')[0] === address, `${name}: fetches ${request.url()}`));
  await page.goto(address, { waitUntil: 'load' });
  return { context, page };
}

/** The texts that cannot be read against their ground: less than 4.5 to 1 (WCAG 2, AA). */
const faint = () => {
  const channel = (value) => (value / 255 <= 0.03928 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
  const colour = (text) => (text.match(/[\d.]+/g) ?? []).map(Number);
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const found = colour(getComputedStyle(at).backgroundColor);
      if (found.length === 3 || found[3] > 0) return found;
    }
    return [255, 255, 255];
  };
  const found = new Map();
  for (const element of document.querySelectorAll('body *:not(script):not(svg *):not(style)')) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!own || !element.checkVisibility({ visibilityProperty: true })) continue;
    const [a, b] = [light(colour(getComputedStyle(element).color)), light(ground(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const key = `${element.tagName}.${element.className}`;
    if (ratio < 4.5 && !found.has(key)) found.set(key, `${key} "${element.textContent.slice(0, 30)}" ${ratio.toFixed(2)}`);
  }
  return [...found.values()];
};

for (const colorScheme of ['light', 'dark']) {
  for (const width of [400, 800, 1600]) {
    const name = `${colorScheme} ${width}`;
    const { context, page } = await open(name, { colorScheme, viewport: { width, height: 900 } });
    const [wide, room] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
    must(wide <= room, `${name}: ${wide} px wide in a window of ${room}`);
    await page.evaluate(() => document.querySelectorAll('#findings details.card').forEach((card, i) => { card.open = i < 3; }));
    for (const said of await page.evaluate(faint)) wrong.push(`${name}: faint: ${said}`);
    const opened = await page.evaluate(() => document.documentElement.scrollWidth);
    must(opened <= room, `${name}: ${opened} px wide in a window of ${room} with findings open`);
    if (shots) {
      await page.screenshot({ path: `${shots}/${colorScheme}-${width}-top.png` });
      for (const part of ['matrix', 'findings', 'cost', 'grid', 'frontier', 'owed', 'campaign', 'ratchet', 'counters']) {
        const section = page.locator(`section#${part}`);
        if (await section.count() === 0) continue;
        await page.evaluate((id) => document.getElementById(id).scrollIntoView(), part);
        await page.screenshot({ path: `${shots}/${colorScheme}-${width}-${part}.png` });
      }
    }
    await context.close();
  }
}

// Keys: the first stop leads past the navigation; every link of the matrix is reached; Enter on one
// opens its card.
{
  const { context, page } = await open('keys', { viewport: { width: 1000, height: 800 } });
  await page.keyboard.press('Tab');
  must(await page.evaluate(() => document.activeElement.className === 'skip'), 'keys: the first stop is not the skip link');
  const links = await page.locator('#matrix td a').count();
  let reached = 0;
  for (let i = 0; i < 60 + links && links > 0; i += 1) {
    await page.keyboard.press('Tab');
    if (await page.evaluate(() => document.activeElement.matches('#matrix td a'))) { reached = 1; break; }
  }
  if (links > 0) {
    must(reached, 'keys: no link of the matrix is reached');
    const id = await page.evaluate(() => document.activeElement.hash.slice(1));
    await page.keyboard.press('Enter');
    await page.waitForTimeout(100);
    must(await page.evaluate((card) => document.getElementById(card).closest('details').open, id), `keys: Enter does not open ${id}`);
    const ring = await page.evaluate(() => {
      const link = document.querySelector('#matrix td a');
      link.focus({ focusVisible: true });
      return getComputedStyle(link).outlineStyle;
    });
    must(ring !== 'none', 'keys: focus cannot be seen');
  }
  await context.close();
}

// Filters, with script.
{
  const { context, page } = await open('filters', { viewport: { width: 1200, height: 800 } });
  const rows = page.locator('#matrix tbody tr:visible');
  const all = await rows.count();
  if (all > 1) {
    const first = await page.locator('#matrix tbody tr').first().getAttribute('data-name');
    await page.fill('#journal-filter', first);
    const left = await rows.count();
    must(left >= 1 && left < all, `filters: ${left} of ${all} journals are left by ${first}`);
    await page.fill('#journal-filter', 'no journal has this name');
    must(await rows.count() === 0, 'filters: journals are left by a name that none has');
    await page.fill('#journal-filter', '');
    must(await rows.count() === all, 'filters: an empty filter hides journals');
  }
  for (const box of await page.locator('#matrix input.show').all()) {
    const verdict = await box.getAttribute('value');
    await box.focus();
    await page.keyboard.press('Space');
    const seen = await page.locator(`#matrix tbody td.${verdict} > *:visible`).count();
    must(seen === 0, `filters: ${seen} cells are ${verdict} and were to be hidden`);
    await page.keyboard.press('Space');
    must(await page.locator(`#matrix tbody td.${verdict} > *:visible`).count() > 0, `filters: ${verdict} does not come back`);
  }
  const cards = page.locator('#findings details.card:visible');
  const many = await cards.count();
  if (many > 0) {
    await page.fill('#finding-filter', 'nothing says this');
    must(await cards.count() === 0, 'filters: findings are left that do not say so');
    await page.fill('#finding-filter', '');
    // One alone is open from the start.
    await cards.evaluateAll((all) => all.forEach((card) => { card.open = false; }));
    await page.click('#open-all');
    must(await page.locator('#findings details.card[open]').count() === many, 'filters: not all findings open');
    for (const said of await page.evaluate(faint)) wrong.push(`all findings open: faint: ${said}`);
  }
  await context.close();
}

// Without script: everything is there, and links open what they lead to.
{
  const { context, page } = await open('no script', { javaScriptEnabled: false, viewport: { width: 800, height: 900 } });
  must(await page.locator('.scripted:visible').count() === 0, 'no script: a filter is shown that does nothing');
  const link = page.locator('#matrix td a').first();
  if (await link.count() > 0) {
    const id = (await link.getAttribute('href')).slice(1);
    await link.click();
    must(await page.locator(`#${id}`).isVisible(), `no script: the link does not open ${id}`);
  }
  const heads = await page.locator('h2:visible').allTextContents();
  must(heads.length >= 4, `no script: only ${heads.length} sections`);
  if (shots) await page.screenshot({ path: `${shots}/no-script.png` });
  await context.close();
}

// How fast it opens: the fastest, since the machine may be busy with other things.
{
  const times = [];
  for (let i = 0; i < 7; i += 1) {
    const { context, page } = await open('time', { viewport: { width: 1400, height: 900 } });
    times.push(await page.evaluate(() => new Promise((done) => {
      const read = () => requestAnimationFrame(() => done(performance.getEntriesByType('navigation')[0].loadEventEnd));
      if (document.readyState === 'complete') setTimeout(read, 0); else addEventListener('load', () => setTimeout(read, 0));
    })));
    await context.close();
  }
  times.sort((a, b) => a - b);
  console.log(`loaded in ${times.map((time) => time.toFixed(0)).join(', ')} ms`);
  const within = option('--within');
  if (within) must(times[0] <= Number(within), `it takes ${times[0].toFixed(0)} ms to load, at most ${within} are given`);
}

await browser.close();
for (const said of [...new Set(wrong)]) console.log(`wrong: ${said}`);
console.log(wrong.length === 0 ? 'nothing is wrong' : `${new Set(wrong).size} things are wrong`);
process.exit(wrong.length === 0 ? 0 : 1);
