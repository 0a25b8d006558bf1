//! Names that whoever makes a thing chooses for it: `programs/{slug}` and its like.

/// Declares the id of things that are named by a slug: `slug_id!(ProgramId, "programs", "program")`, its type, the
/// collection, and the kind under which its row's key is made.
macro_rules! slug_id {
    ($(#[$doc:meta])* $name:ident, $collection:literal, $kind:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(std::sync::Arc<str>);

        impl $name {
            const FORM: &'static str =
                concat!($collection, "/{1 to 63 of a-z, 0-9 and -, beginning with a letter}");

            /// From the bare slug.
            ///
            /// # Errors
            /// [`guanxi_kernel::NameError`] where it is not one.
            pub fn from_slug(slug: &str) -> Result<Self, guanxi_kernel::NameError> {
                match guanxi_kernel::OrganizationId::from_slug(slug) {
                    Ok(_) => Ok(Self(slug.into())),
                    Err(_) => Err(guanxi_kernel::NameError { value: slug.to_owned(), form: Self::FORM }),
                }
            }

            /// The part after the collection.
            pub fn slug(&self) -> &str {
                &self.0
            }

            /// The key of its row.
            pub fn uuid(&self) -> guanxi_kernel::Uuid {
                guanxi_kernel::natural_id($kind, [self.slug()])
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!($collection, "/{}"), self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = guanxi_kernel::NameError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let malformed = || guanxi_kernel::NameError { value: text.to_owned(), form: Self::FORM };
                let slug = text.strip_prefix(concat!($collection, "/")).ok_or_else(malformed)?;
                Self::from_slug(slug).map_err(|_| malformed())
            }
        }
    };
}
pub(crate) use slug_id;
