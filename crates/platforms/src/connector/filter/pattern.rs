//! What searching with a pattern takes at most. The library's engine takes time in proportion to the pattern and the text
//! for one search, writes counted repetitions out, and has no limit of its own.

/// What can be told about a pattern from its text. Never too small, whatever the flags; too large at times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    /// How many characters, classes and signs it has with its repetitions written out, about.
    pub(super) size: u64,
    /// How many brackets, so at most as many groups.
    pub(super) groups: u64,
    /// Whether a search may read on far behind what it finds, so that many searches read the same text again and again.
    pub(super) reads_ahead: bool,
}

/// Classes by name hold many ranges.
const NAMED_CLASS: u64 = 16;

impl Shape {
    pub(super) fn of(pattern: &str) -> Self {
        let mut reader = Reader { doubtful: pattern.contains('#') && pattern.contains('\n'), ..Reader::default() };
        reader.open.push(Group::default());
        let mut characters = pattern.chars();
        while let Some(character) = characters.next() {
            match character {
                '\\' => {
                    let named = matches!(characters.next(), Some('p' | 'P' | 'w' | 'W' | 'd' | 'D' | 's' | 'S'));
                    reader.piece(if named { NAMED_CLASS } else { 1 });
                }
                '[' => reader.class(&mut characters),
                '{' => {
                    let bounds = characters.as_str();
                    let bounds = bounds.split_once('}').map_or(bounds, |(bounds, _)| bounds);
                    reader.repeat(bounds);
                    characters = characters.as_str()[bounds.len()..].chars();
                }
                '}' => {}
                '(' => {
                    reader.groups += 1;
                    reader.open.push(Group::default());
                }
                ')' => reader.close(),
                _ => reader.sign(character),
            }
        }
        let nested = reader.open.iter().fold(0_u64, |size, group| size.saturating_add(group.size()));
        Self {
            size: if reader.doubtful { reader.product.max(nested) } else { nested }.saturating_add(1),
            groups: reader.groups,
            reads_ahead: reader.endless > 1 || (reader.endless > 0 && reader.choices > 0),
        }
    }
}

/// A group that is being read: what a repetition would repeat, and all before it.
#[derive(Default)]
struct Group {
    before: u64,
    last: u64,
}

impl Group {
    fn size(&self) -> u64 {
        self.before.saturating_add(self.last)
    }
}

#[derive(Default)]
struct Reader {
    open: Vec<Group>,
    groups: u64,
    endless: u64,
    choices: u64,
    /// The size if each repetition repeated all before it.
    product: u64,
    /// Whether groups may be other than they seem.
    doubtful: bool,
}

impl Reader {
    fn piece(&mut self, size: u64) {
        self.product = self.product.saturating_add(size);
        if let Some(group) = self.open.last_mut() {
            *group = Group { before: group.size(), last: size };
        }
    }

    fn sign(&mut self, character: char) {
        match character {
            '*' | '+' => self.endless += 1,
            '|' | '?' => self.choices += 1,
            // With the flag `x` a repetition reaches over spaces.
            character if character.is_whitespace() => {}
            _ => return self.piece(1),
        }
        self.product = self.product.saturating_add(1);
        if let Some(group) = self.open.last_mut() {
            group.last = group.last.saturating_add(1);
        }
    }

    /// A class up to its end; engines differ on brackets inside.
    fn class(&mut self, characters: &mut std::str::Chars<'_>) {
        let inside = characters.as_str();
        let mut size = 1;
        while let Some(character) = characters.next() {
            size += 1;
            match character {
                ']' => break,
                '[' | '(' | ')' => self.doubtful = true,
                '\\' => {
                    characters.next();
                    size += NAMED_CLASS;
                }
                _ => {}
            }
        }
        self.doubtful |= inside.starts_with(']') || inside.starts_with("^]");
        self.piece(size);
    }

    fn repeat(&mut self, bounds: &str) {
        let numbers = bounds.split(|character: char| !character.is_ascii_digit()).filter(|number| !number.is_empty());
        let times = numbers.map(|number| number.parse().unwrap_or(u64::MAX)).max().unwrap_or(1).max(1);
        self.endless += u64::from(bounds.trim_end().ends_with(','));
        self.choices += u64::from(bounds.contains(','));
        self.product = self.product.saturating_mul(times);
        if let Some(group) = self.open.last_mut() {
            group.last = group.last.max(1).saturating_mul(times);
        }
    }

    fn close(&mut self) {
        match self.open.pop() {
            Some(group) if !self.open.is_empty() => self.piece(group.size()),
            Some(group) => {
                self.open.push(group);
                self.doubtful = true;
            }
            None => {}
        }
    }
}
