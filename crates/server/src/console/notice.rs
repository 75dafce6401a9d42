//! What a page says after something was done: its name stands in the address (`?notice=retried`), its text here, so
//! that nobody can make a page of ours say something else.

use super::language::Language;

macro_rules! notices {
    ($($name:ident $word:literal $english:literal $spanish:literal;)*) => {
        /// Something that was done.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Notice { $($name),* }

        impl Notice {
            const ALL: &[Self] = &[$(Self::$name),*];

            fn word(self) -> &'static str {
                match self { $(Self::$name => $word),* }
            }

            /// What the page says.
            pub(crate) fn text(self, language: Language) -> &'static str {
                match self { $(Self::$name => language.pick($english, $spanish)),* }
            }
        }
    };
}

notices! {
    Retried "retried" "The ticket is tried again." "El ticket se reintenta.";
    Redriven "redriven" "The tickets are tried again." "Los tickets se reintentan.";
    Changed "changed" "The settings were changed." "Los ajustes fueron cambiados.";
    TopologyTaken "topology-taken" "The new topology is the active one." "La topología nueva es la activa.";
    TopologyDropped "topology-dropped" "The new topology was dropped." "La topología nueva fue descartada.";
    Offloaded "offloaded" "What was there was looked into." "Se miró lo que había.";
    Dismissed "dismissed" "The ticket was dismissed." "El ticket fue descartado.";
    RunStarted "run-started" "The run has started." "La ejecución comenzó.";
    KeyRewound "key-rewound" "The key was set back." "La clave retrocedió.";
    SkipAdded "skip-added" "The ticket is on the skip list." "El ticket está en la lista de omisión.";
    SkipRemoved "skip-removed" "The ticket is off the skip list." "El ticket salió de la lista de omisión.";
    FailedRetried "failed-retried" "The next run tries them again." "La próxima ejecución los reintenta.";
    FailedDismissed "failed-dismissed" "They were dismissed." "Fueron descartados.";
    NothingChanged "nothing-changed" "Nothing was changed." "No se cambió nada.";
}

impl Notice {
    /// The address with this notice.
    pub(crate) fn at(self, path: &str) -> String {
        let joint = if path.contains('?') { '&' } else { '?' };
        format!("{path}{joint}notice={}", self.word())
    }

    /// The notice in a path with its query.
    pub(crate) fn of(here: &str) -> Option<Self> {
        let (_, query) = here.split_once('?')?;
        let word = query.split('&').find_map(|pair| pair.strip_prefix("notice="))?;
        Self::ALL.iter().copied().find(|notice| notice.word() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::Notice;

    #[test]
    fn a_notice_is_read_back_and_nothing_else_is_said() {
        for notice in Notice::ALL {
            assert_eq!(Notice::of(&notice.at("/console/tickets?state=Error")), Some(*notice));
        }
        assert_eq!(Notice::of("/console?notice=<b>you%20won</b>"), None);
        assert_eq!(Notice::of("/console"), None);
    }
}
