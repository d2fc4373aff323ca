// Opens a page in headless Chromium and does what a person would: node look.cjs CHROMIUM PAGE [PICTURE]. Prints JSON.
const { chromium } = require('playwright-core');
const axe = require('axe-core');

const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync'];

/** What axe-core has against the page as it is. */
const violations = async (page) => {
  // Past the page's policy, which forbids every script but its own.
  await page.evaluate(`(() => { ${axe.source} })()`);
  const found = await page.evaluate(() => axe.run(document));
  return found.violations.map((one) => `${one.id}: ${one.nodes[0].html}`);
};

(async () => {
  const [executablePath, file, picture] = process.argv.slice(2);
  const browser = await chromium.launch({ executablePath, args: FLAGS });
  const out = { errors: [], requests: [] };
  const open = async (options) => {
    const page = await (await browser.newContext({ viewport: { width: 1200, height: 900 }, ...options })).newPage();
    page.on('console', (message) => out.errors.push(message.text()));
    page.on('pageerror', (error) => out.errors.push(String(error)));
    page.on('dialog', (dialog) => { out.errors.push('a dialog'); dialog.dismiss(); });
    page.on('request', (request) => { if (request.url() !== `file://${file}`) out.requests.push(request.url()); });
    await page.goto(`file://${file}`);
    return page;
  };

  const plain = await open({ javaScriptEnabled: false });
  out.plain = await plain.locator('table').allInnerTexts();
  out.drawn = await plain.locator('.map > svg text').allTextContents().then((all) => all.filter(Boolean));

  const page = await open({ colorScheme: 'light' });
  out.light = await violations(page);
  if (picture) await page.screenshot({ path: picture, fullPage: true });
  const dark = await open({ colorScheme: 'dark' });
  out.dark = await violations(dark);
  if (picture) await dark.screenshot({ path: picture.replace('.png', '-dark.png'), fullPage: true });

  // On paper: nothing that only a screen can use, and nothing wider than the sheet.
  await page.emulateMedia({ media: 'print' });
  await page.setViewportSize({ width: 720, height: 1000 });
  out.shown = await page.locator('input:visible').evaluateAll((all) => all.map((one) => one.outerHTML));
  out.cut = await page.locator('table, svg, figure').evaluateAll((all) => all
    .filter((one) => one.getBoundingClientRect().right > innerWidth).map((one) => one.outerHTML.slice(0, 200)));
  if (picture) await page.pdf({ path: picture.replace('.png', '.pdf') });
  await page.emulateMedia({ media: 'screen' });
  await page.setViewportSize({ width: 1200, height: 900 });

  const way = () => page.locator('.way').first().innerText();
  const map = page.locator('.map > svg').first();
  if (await map.count()) {
    out.zoom = [];
    const step = async (what) => out.zoom.push(`${what}: ${await way()} | ${
      await page.evaluate(() => document.activeElement.dataset?.name ?? '')}`);
    await map.locator('g[aria-level="2"][aria-expanded]').first().click({ position: { x: 9, y: 9 } });
    await step('click');
    await page.locator('.way button').first().click();
    await step('way');
    await map.locator('g[tabindex="0"]').focus();
    for (const key of ['ArrowDown', 'Enter', 'ArrowDown', 'ArrowUp', 'End', 'Home', 'Escape', 'ArrowLeft']) {
      await page.keyboard.press(key);
      await step(key);
    }
    const fill = () => map.locator('g[aria-level="2"] rect').first().evaluate((rect) => getComputedStyle(rect).fill);
    out.colours = [await fill()];
    await page.locator('input.waste').first().check();
    out.colours.push(await fill());
    out.zoomed = await violations(page);
  }

  const section = page.locator('section', { has: page.locator('h2', { hasText: 'Lost files' }) });
  const filter = section.locator('.filter input');
  if (await filter.count()) {
    const table = section.locator('table');
    await filter.fill('app/c');
    const visible = await table.locator('tbody tr:visible').allInnerTexts();
    out.filtered = { said: await section.locator('[role=status]').innerText(), visible };
    await filter.fill('');
    out.sorted = [];
    for (const times of [1, 2]) {
      await table.locator('th.number button').first().click();
      out.sorted.push([await table.locator('th[aria-sort]').getAttribute('aria-sort'),
        (await table.locator('tbody td:first-child').allInnerTexts()).slice(0, 3)]);
    }
  }
  await browser.close();
  console.log(JSON.stringify(out));
})().catch((error) => { console.error(error); process.exit(1); });
