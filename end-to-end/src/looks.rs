//! How a page that is open looks to everybody: in windows of all widths and in both themes, by measuring and by axe-core.

use serde_json::{Value, json};

use crate::browser::{Browser, Theme};

/// A telephone, a tablet, a desk and a large screen.
const WIDTHS: [u32; 4] = [390, 820, 1280, 1920];

/// Whether there is no scrolling sideways.
const FITS: &str = "document.documentElement.scrollWidth <= document.documentElement.clientWidth";

/// What is wider or higher than its place, with nothing that would let it be scrolled into view. The interactive chart
/// follows the window a moment later.
const CUT: &str = "[...document.querySelectorAll('body *')].filter(it => { \
    if (it.closest('svg, .u-wrap, .visually-hidden') || it.matches('.plot, .canvas')) return false; \
    if (!it.clientWidth || !it.checkVisibility()) return false; \
    const style = getComputedStyle(it); \
    const scrolls = how => how === 'auto' || how === 'scroll'; \
    const clips = how => how === 'hidden' || how === 'clip'; \
    return it.scrollWidth > it.clientWidth + 1 && !scrolls(style.overflowX) \
        || it.scrollHeight > it.clientHeight + 1 && clips(style.overflowY); }) \
    .map(it => `${it.scrollWidth} x ${it.scrollHeight} px in ${it.clientWidth} x ${it.clientHeight}: ${it.outerHTML.slice(0, 100)}`)";

/// How many ways there are to look at a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Looks {
    /// Each width and each theme, but not both together.
    Some,
    /// All of them: `PAGES=whole`, as `make test-pages` says.
    All,
}

impl Looks {
    /// As many as are asked for.
    pub fn asked() -> Self {
        if std::env::var_os("PAGES").is_some_and(|it| it == "whole") { Self::All } else { Self::Some }
    }

    /// What the eyes of axe-core see, after what it reads on a telephone by day.
    fn seen(self) -> Vec<(u32, Theme)> {
        let all = [Theme::Dark, Theme::Light].map(|theme| WIDTHS.map(|width| (width, theme)));
        match self {
            Self::All => all.concat(),
            Self::Some => vec![(1280, Theme::Dark)],
        }
    }

    /// The widths of the window before tables are opened, which take the most room.
    fn widths(self) -> &'static [u32] {
        match self {
            Self::All => &WIDTHS,
            Self::Some => &[390],
        }
    }
}

impl Browser {
    /// What keeps somebody from using the page that is open; `seen` names it. Its tables are open afterwards, and
    /// JavaScript is on: of a page that was loaded without, only what looks at it runs.
    pub async fn flaws(&self, seen: &str, looks: Looks) -> Vec<String> {
        self.picture(seen).await;
        let mut found = self.misfits(seen, "", looks.widths()).await;
        self.evaluate("[...document.querySelectorAll('details')].forEach(it => { it.open = true })").await;
        found.extend(self.misfits(seen, " with its tables", &WIDTHS).await);
        self.set_javascript(true).await;
        self.resize(390, 900).await;
        self.prefer(Theme::Light).await;
        found.extend(self.barriers().await.into_iter().map(|line| format!("{seen}: {line}")));
        for (width, theme) in looks.seen() {
            self.resize(width, 900).await;
            self.prefer(theme).await;
            let barriers = self.barriers_to_the_eye().await.into_iter();
            found.extend(barriers.map(|line| format!("{seen} at {width} px, {theme:?}: {line}")));
        }
        found
    }

    /// Pictures of it to be looked at by people, if `SCREENSHOTS` names a folder.
    async fn picture(&self, seen: &str) {
        let Some(folder) = std::env::var_os("SCREENSHOTS") else { return };
        for (theme, kind) in [(Theme::Light, "light"), (Theme::Dark, "dark")] {
            self.prefer(theme).await;
            for width in [390, 1280] {
                self.resize(width, 900).await;
                let height = self.evaluate("document.documentElement.scrollHeight").await;
                let height = height.as_u64().unwrap_or_default().clamp(600, 4000) as u32;
                let name: String =
                    seen.chars().map(|it| if it.is_alphanumeric() { it } else { '-' }).collect();
                let file = std::path::Path::new(&folder).join(format!("{name}-{width}-{kind}.png"));
                self.screenshot(width, height, &file).await;
            }
        }
    }

    /// What does not fit into windows of some width.
    async fn misfits(&self, seen: &str, how: &str, widths: &[u32]) -> Vec<String> {
        let mut found = Vec::new();
        for &width in widths {
            self.resize(width, 900).await;
            if self.evaluate(FITS).await != Value::Bool(true) {
                found.push(format!("{seen}: scrolls sideways at {width} px{how}"));
            }
            let cut = self.evaluate(CUT).await;
            found.extend(cut.as_array().unwrap().iter().map(|it| format!("{seen} at {width} px{how}: {it}")));
        }
        found
    }

    /// The accessibility faults that axe-core finds, each with its element.
    pub async fn barriers(&self) -> Vec<String> {
        let tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
        // WCAG 2.2 asks for it, axe-core only if it is told to.
        self.axe(json!({ "runOnly": tags, "rules": { "target-size": { "enabled": true } } })).await
    }

    /// Only those that can depend on the theme and the window's width.
    async fn barriers_to_the_eye(&self) -> Vec<String> {
        let rules = ["color-contrast", "link-in-text-block", "scrollable-region-focusable", "target-size"];
        self.axe(json!({ "runOnly": { "type": "rule", "values": rules } })).await
    }

    async fn axe(&self, options: Value) -> Vec<String> {
        if self.evaluate("!window.axe").await == Value::Bool(true) {
            // Sent as the body of a WebDriver script, which no page's policy forbids.
            self.page.execute(crate::axe::source(), vec![]).await.unwrap();
        }
        let script = "const done = arguments[arguments.length - 1]; \
             axe.run(document, { ...arguments[0], resultTypes: ['violations'] }) \
             .then(found => done(found.violations.flatMap(rule => rule.nodes.map(node => \
                 `${rule.id}: ${node.html} ${node.failureSummary}`))), error => done([String(error)]))";
        let found = self.page.execute_async(script, vec![options]).await.unwrap();
        found.as_array().unwrap().iter().map(|one| one.to_string()).collect()
    }

    /// The cumulative layout shift since the page was loaded (0 is none, 0.1 is bad).
    pub async fn layout_shift(&self) -> f64 {
        let script = "const done = arguments[arguments.length - 1]; let sum = 0; \
             new PerformanceObserver(list => list.getEntries().forEach(it => { sum += it.value })) \
                 .observe({ type: 'layout-shift', buffered: true }); \
             setTimeout(() => done(sum), 300)";
        self.page.execute_async(script, vec![]).await.unwrap().as_f64().unwrap()
    }

    /// The page as a printer gets it: its looks on the screen become those, and back.
    pub async fn print(&self, on: bool, theme: Theme) {
        let theme = if theme == Theme::Dark { "dark" } else { "light" };
        let features = json!([{ "name": "prefers-color-scheme", "value": theme }]);
        let media = json!({ "media": if on { "print" } else { "" }, "features": features });
        self.devtools("Emulation.setEmulatedMedia", media).await;
    }

    /// How many sheets of A4 the page takes.
    pub async fn sheets(&self) -> usize {
        use base64::Engine;
        let paper = json!({ "paperWidth": 8.27, "paperHeight": 11.69, "printBackground": false });
        let printed = self.devtools("Page.printToPDF", paper).await;
        let file =
            base64::engine::general_purpose::STANDARD.decode(printed["data"].as_str().unwrap()).unwrap();
        let file = String::from_utf8_lossy(&file);
        file.matches("/Type /Page").count() - file.matches("/Type /Pages").count()
    }
}
