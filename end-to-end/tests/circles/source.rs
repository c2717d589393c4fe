//! The modules of a crate: what each defines, imports and mentions. Read token by token: comments
//! and texts are no names.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// `["pulse_source", "cdev"]`; the crate itself is empty.
pub(crate) type ModulePath = Vec<String>;

/// A module, in a file of its own or in another one's.
#[derive(Debug, Default)]
pub(crate) struct Module {
    /// Its file, below `src`.
    pub(crate) file: String,
    /// `use` by `use`: the path, the name it gets here (`*` for all), and whether it is passed on.
    pub(crate) imports: Vec<(Vec<String>, String, bool)>,
    /// Every path and name in it, but those of `use`.
    pub(crate) mentions: BTreeSet<Vec<String>>,
    /// What it defines.
    pub(crate) items: BTreeSet<String>,
}

/// All modules of a crate that are no tests.
#[derive(Debug, Default)]
pub(crate) struct Crate {
    pub(crate) modules: BTreeMap<ModulePath, Module>,
    tests: BTreeSet<ModulePath>,
}

impl Crate {
    /// Reads all that belongs to the library, or to the program where there is none.
    pub(crate) fn read(src: &Path) -> Crate {
        let mut read = Crate::default();
        let ours = if src.join("lib.rs").exists() { "lib.rs" } else { "main.rs" };
        read.folder(src, src, ours);
        let is_test = |path: &ModulePath| (0..=path.len()).any(|end| read.tests.contains(&path[..end]));
        read.modules.retain(|path, _| !is_test(path));
        read
    }

    fn folder(&mut self, src: &Path, folder: &Path, root: &str) {
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            let file = path.strip_prefix(src).unwrap().to_str().unwrap().to_owned();
            if path.is_dir() && file != "bin" {
                self.folder(src, &path, root);
            } else if let Some(name) = file.strip_suffix(".rs")
                && (file == root || !["lib", "main"].contains(&name))
            {
                let mut module: ModulePath = name.split('/').map(str::to_owned).collect();
                if file == root || name.ends_with("/mod") {
                    module.pop();
                }
                let tokens: TokenStream = std::fs::read_to_string(&path).unwrap().parse().unwrap();
                self.module(module, &file, tokens);
            }
        }
    }

    fn module(&mut self, path: ModulePath, file: &str, tokens: TokenStream) {
        let mut module = self.modules.remove(&path).unwrap_or_default();
        file.clone_into(&mut module.file);
        self.tokens(&path, &mut module, tokens);
        self.modules.insert(path, module);
    }

    fn tokens(&mut self, path: &ModulePath, module: &mut Module, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let (mut at, mut is_test, mut passed_on) = (0, false, false);
        while let Some(token) = tokens.get(at) {
            at += 1;
            match token {
                TokenTree::Group(group)
                    if group.delimiter() == Delimiter::Bracket && is_attribute(&tokens, at) =>
                {
                    is_test |= group.to_string().replace(' ', "") == "[cfg(test)]";
                }
                _ if is_test && !matches!(token, TokenTree::Punct(punct) if punct.as_char() == '#') => {
                    is_test = false;
                    let end = end_of_item(&tokens, at - 1);
                    let name = tokens[at - 1..end].windows(2).find(|two| two[0].to_string() == "mod");
                    self.tests.extend(name.map(|two| below(path, &two[1].to_string())));
                    at = end;
                }
                TokenTree::Group(group) => self.tokens(path, module, group.stream()),
                TokenTree::Ident(word) => match word.to_string().as_str() {
                    "pub" => passed_on = true,
                    "use" => {
                        let end = end_of_item(&tokens, at);
                        import(&[], &tokens[at..end - 1], passed_on, &mut module.imports);
                        (at, passed_on) = (end, false);
                    }
                    "mod" => {
                        passed_on = false;
                        if let Some(TokenTree::Group(body)) = tokens.get(at + 1) {
                            let inner = below(path, &tokens[at].to_string());
                            self.module(inner, &module.file.clone(), body.stream());
                            at += 2;
                        }
                    }
                    definition @ ("struct" | "enum" | "trait" | "fn" | "const" | "static" | "type"
                    | "union") => {
                        passed_on = definition == "const" && passed_on;
                        module.items.extend(tokens.get(at).map(ToString::to_string));
                    }
                    _ => at = mention(&tokens, at - 1, module),
                },
                _ => {}
            }
        }
    }
}

fn below(path: &ModulePath, name: &str) -> ModulePath {
    path.iter().cloned().chain([name.to_owned()]).collect()
}

fn is_attribute(tokens: &[TokenTree], after: usize) -> bool {
    after >= 2 && tokens[after - 2].to_string() == "#" || after >= 3 && tokens[after - 3].to_string() == "#"
}

/// After the `;` or the block that ends what begins here.
fn end_of_item(tokens: &[TokenTree], from: usize) -> usize {
    let is_use = tokens[from..].iter().take_while(|token| token.to_string() != ";").count();
    let block = tokens[from..]
        .iter()
        .position(|token| matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace));
    let of_use = from > 0 && tokens[from - 1].to_string() == "use" || starts_use(&tokens[from..]);
    match block {
        Some(block) if block < is_use && !of_use => from + block + 1,
        _ => (from + is_use + 1).min(tokens.len()),
    }
}

fn starts_use(tokens: &[TokenTree]) -> bool {
    tokens.iter().take(3).any(|token| token.to_string() == "use")
}

/// Whether `::` stands here.
fn colons(tokens: &[TokenTree], at: usize) -> bool {
    tokens.get(at..at + 2).is_some_and(|two| two.iter().all(|token| token.to_string() == ":"))
}

/// Notes a path, and returns where it ends.
fn mention(tokens: &[TokenTree], from: usize, module: &mut Module) -> usize {
    let goes_on = from >= 2 && colons(tokens, from - 2);
    let is_field = from >= 1 && tokens[from - 1].to_string() == ".";
    let (mut path, mut at) = (vec![tokens[from].to_string()], from + 1);
    while colons(tokens, at)
        && let Some(TokenTree::Ident(word)) = tokens.get(at + 2)
    {
        path.push(word.to_string());
        at += 3;
    }
    if !goes_on && !is_field {
        module.mentions.insert(path);
    }
    at
}

/// Takes a tree of `use` apart.
fn import(
    prefix: &[String],
    tree: &[TokenTree],
    passed_on: bool,
    imports: &mut Vec<(Vec<String>, String, bool)>,
) {
    for branch in tree.split(|token| token.to_string() == ",").filter(|branch| !branch.is_empty()) {
        let (mut path, mut name) = (prefix.to_vec(), None);
        for (at, token) in branch.iter().enumerate() {
            match token {
                TokenTree::Group(group) => {
                    let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                    import(&path, &inner, passed_on, imports);
                    path.clear();
                }
                TokenTree::Ident(word) if word == "as" => {
                    name = Some(branch[at + 1].to_string());
                    break;
                }
                TokenTree::Ident(word) if word == "self" && !path.is_empty() => {}
                TokenTree::Ident(word) => path.push(word.to_string()),
                TokenTree::Punct(punct) if punct.as_char() == '*' => name = Some("*".to_owned()),
                _ => {}
            }
        }
        if let Some(last) = path.last().cloned() {
            imports.push((path, name.unwrap_or(last), passed_on));
        }
    }
}
